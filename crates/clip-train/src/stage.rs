//! One stage of training: batches, losses, steps, measuring.

use std::time::Instant;

use burn::module::{Module, Param};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use clip_model::clip::{Clip, normalize};
use clip_model::families::ImageTower;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::average::Average;
use crate::cut::{Cuts, TextCut};
use crate::dataset::Sample;
use crate::error::TrainError;
use crate::loss::{info_nce, pairwise_sigmoid, soft_cross_entropy};
use crate::names::Names;
use crate::optimizer::{self, schedule};
use crate::progress::Event;
use crate::recipe::Stage;
use crate::session::Session;
use crate::state::{self, Position, Weights};

/// CLIP's upper bound on the logarithm of the inverse temperature.
const MAX_LOGIT_SCALE: f64 = 4.605_170_185_988_092;

/// Trains a stage; gives the model with the stage's best weights, on the plain device.
///
/// `resume` is the position of the saved state if it is in this stage.
pub fn train(
    session: &Session<'_>,
    index: usize,
    model: Clip,
    cuts: &Cuts,
    resume: Option<Position>,
) -> Result<Clip, TrainError> {
    let stage = &session.recipe.stages[index];
    let device = session.device.clone().autodiff();
    let trained = optimizer::trained(&model, stage)?;
    let mut start_epoch = 0;
    let mut best_recall: Option<(f64, usize)> = None;
    let (model, mut optimizer, mut average, mut best) = match &resume {
        None => {
            let model = with_scale(model, stage);
            let (model, optimizer) = optimizer::prepare(model, &trained, stage.weight_decay);
            (model.clone().train(), optimizer, Average::default(), model)
        }
        Some(position) => {
            let weights = state::load(&session.out, position, &model)?;
            let (current, optimizer) = optimizer::prepare(weights.current, &trained, stage.weight_decay);
            let optimizer = state::load_optimizer(&session.out, optimizer)?;
            let current = current.train();
            start_epoch = position.epoch;
            best_recall = position.best;
            let average = Average::restore(&weights.average, &current, position.averaged_steps);
            (current, optimizer, average, weights.best)
        }
    };
    let mut model = model;
    for epoch in start_epoch..stage.epochs {
        if let (Some(patience), Some((_, at))) = (stage.patience, best_recall)
            && epoch > at + patience
        {
            break;
        }
        let started = Instant::now();
        let seed = session.recipe.seed ^ ((index as u64 + 1) << 40) ^ ((epoch as u64 + 1) << 20);
        let mut rng = StdRng::seed_from_u64(seed);
        device.seed(seed);
        let samples = session.epoch(&mut rng, stage.captions);
        let batches: Vec<&[Sample]> = samples.chunks(stage.batch).filter(|batch| batch.len() > 1).collect();
        let mut names = names(session, stage, cuts, &model, &mut rng);
        let mut total_loss = 0.0;
        for (step, batch) in batches.iter().enumerate() {
            let loss = losses(session, stage, cuts, &model, batch, names.as_mut(), &mut rng, &device)?;
            let value: f32 = loss.clone().into_scalar();
            if !value.is_finite() {
                return Err(TrainError::Diverged { stage: stage.name.clone(), epoch: epoch + 1, loss: value });
            }
            total_loss += value;
            let factor =
                schedule(epoch as f64 + step as f64 / batches.len() as f64, stage.warm_up, stage.epochs as f64);
            model = step_with(model, &mut optimizer, factor, loss, stage.losses.contrastive > 0.0);
            if stage.average > 0.0 {
                average.update(&model, stage.average * batches.len() as f64);
            }
            session.control.tell(Event::Batch {
                stage: &stage.name,
                epoch: epoch + 1,
                done: step * stage.batch + batch.len(),
                total: samples.len(),
                loss: value,
            });
            session.control.check()?;
        }
        let seconds = started.elapsed().as_secs_f64();
        let averaged = average.apply(model.valid());
        let recall = session.recall(&averaged, cuts)?;
        let score = (recall.text_to_image.r1 + recall.text_to_image.r5 + recall.text_to_image.r10) / 3.0;
        let is_best = best_recall.is_none_or(|(best, _)| score > best);
        if is_best {
            best_recall = Some((score, epoch));
            best = averaged.clone();
        }
        let scale: f32 = averaged.logit_scale.val().exp().into_scalar();
        session.control.tell(Event::Epoch {
            stage: &stage.name,
            epoch: epoch + 1,
            epochs: stage.epochs,
            loss: total_loss / batches.len().max(1) as f32,
            scale,
            photos_per_second: samples.len() as f64 / seconds,
            recall: &recall,
            best: is_best,
        });
        let position = Position {
            key: session.run.key.clone(),
            run: Some(session.run.record.clone()),
            stage: index,
            epoch: epoch + 1,
            averaged_steps: average.steps(),
            best: best_recall,
            ids: state::ids(&model),
        };
        let weights = Weights { current: model.valid(), average: averaged, best: best.clone() };
        state::save(&session.out, &position, &weights, &optimizer)?;
        session.control.check()?;
    }
    Ok(best.valid())
}

/// Sets the inverse temperature if the stage says so.
fn with_scale(mut model: Clip, stage: &Stage) -> Clip {
    if let Some(scale) = stage.scale {
        let device = model.logit_scale.val().device();
        let value = Tensor::from_data([scale.ln().min(MAX_LOGIT_SCALE) as f32], &device);
        model.logit_scale = Param::initialized(model.logit_scale.id, value);
    }
    model
}

fn step_with(model: Clip, optimizer: &mut ModuleOptimizer, factor: f64, loss: Tensor<1>, bounded: bool) -> Clip {
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let mut model = optimizer.step(factor, model, gradients);
    // Published sigmoid models are beyond CLIP's bound.
    if !bounded {
        return model;
    }
    model.logit_scale = model.logit_scale.map(|scale| {
        let learns = scale.is_require_grad();
        // The bound is no part of the next step's graph.
        scale.detach().clamp_max(MAX_LOGIT_SCALE).detach().set_require_grad(learns)
    });
    model
}

/// The names of the teacher's classes as the model embeds them now, if the stage has a loss that needs them.
///
/// Made anew for each epoch, so that a resumed run sees the same.
fn names(session: &Session<'_>, stage: &Stage, cuts: &Cuts, model: &Clip, rng: &mut StdRng) -> Option<Names> {
    let teacher = session.teacher.as_ref().filter(|_| stage.losses.classes > 0.0 || stage.losses.prototypes > 0.0)?;
    let plain = model.valid();
    let texts = teacher.draw_texts(rng);
    Some(Names::new(&texts, stage.class_names, &|texts| embed_texts(session, &plain, texts, cuts, &session.device)))
}

/// The weighted sum of the stage's losses on a batch.
#[expect(clippy::too_many_arguments, reason = "one call, and each is a different thing")]
fn losses(
    session: &Session<'_>,
    stage: &Stage,
    cuts: &Cuts,
    model: &Clip,
    batch: &[Sample],
    names: Option<&mut Names>,
    rng: &mut StdRng,
    device: &Device,
) -> Result<Tensor<1>, TrainError> {
    let rows = session.image_rows(batch);
    let images = session.image_input(batch, &rows, &cuts.image, device)?;
    let (image, features) = images.embed_with_features(&model.image);
    let scale = model.logit_scale.val().exp();
    // All texts in one go: one text of each sample, then the second of each, and so on.
    let wanted: Vec<usize> =
        (0..stage.captions).flat_map(|k| batch.iter().map(move |sample| sample.texts[k] as usize)).collect();
    let text = embed_texts(session, model, &wanted, cuts, device);
    let mut sum = Tensor::<1>::zeros([1], device);
    for k in 0..stage.captions {
        let rows = k * batch.len()..(k + 1) * batch.len();
        let ignore = shared(session, batch, &wanted[rows.clone()], device);
        let text = text.clone().slice([rows]);
        let share = 1.0 / stage.captions as f64;
        if stage.losses.contrastive > 0.0 {
            let loss = info_nce(image.clone(), text.clone(), scale.clone(), Some(ignore.clone()));
            sum = sum + loss * (stage.losses.contrastive * share);
        }
        if let (Some(bias), true) = (&model.logit_bias, stage.losses.sigmoid > 0.0) {
            let loss = pairwise_sigmoid(image.clone(), text, scale.clone(), bias.val(), Some(ignore));
            sum = sum + loss * (stage.losses.sigmoid * share);
        }
    }
    if let (Some(teacher), Some(names)) = (&session.teacher, names) {
        let texts = teacher.draw_texts(rng);
        let names = names.step(&texts, &|texts| embed_texts(session, model, texts, cuts, device), rng);
        if stage.losses.classes > 0.0 {
            let targets = names.arrange(session.soft_labels(&rows));
            let logits = image.clone().matmul(names.rows.clone().transpose()) * scale.clone().unsqueeze();
            sum = sum + soft_cross_entropy(logits, Tensor::from_inner(targets)) * stage.losses.classes;
        }
        if let (Some(features), ImageTower::InvertedResidual(tower), true) =
            (features, &model.image, stage.losses.prototypes > 0.0)
        {
            let spread = tower.head.scale.val().inner().recip().unsqueeze::<2>();
            // The features are those of the backbones as they are by now, so that made-up photos stay among real ones. No
            // gradient reaches the backbones, which would learn to see what is not there.
            let (made_up, classes) = teacher.prototypes(features.inner(), spread, rng);
            let made_up = normalize(tower.head.forward(Tensor::from_inner(made_up)));
            let logits = made_up.matmul(names.rows.clone().transpose()) * scale.unsqueeze();
            let targets = names.arrange(one_hot(&classes, teacher.classes(), &session.device));
            sum = sum + soft_cross_entropy(logits, Tensor::from_inner(targets)) * stage.losses.prototypes;
        }
    }
    Ok(sum)
}

/// Embeds texts in order, a few batches of similar length at a time so that little of the work is padding.
fn embed_texts(session: &Session<'_>, model: &Clip, texts: &[usize], cuts: &Cuts, device: &Device) -> Tensor<2> {
    const CHUNK: usize = 128;
    let embed = |texts: &[usize]| session.text_input(texts, cuts.text, device).embed(&model.text);
    if cuts.text == TextCut::Pooled || texts.len() <= CHUNK {
        return embed(texts);
    }
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|&at| session.tokens(texts[at]));
    let sorted: Vec<usize> = order.iter().map(|&at| texts[at]).collect();
    let rows = Tensor::cat(sorted.chunks(CHUNK).map(embed).collect(), 0);
    let mut place = vec![0i64; texts.len()];
    for (row, &at) in order.iter().enumerate() {
        place[at] = row as i64;
    }
    rows.select(0, Tensor::<1, Int>::from_data(TensorData::new(place, [texts.len()]), device))
}

/// True where a photo and another's text share a group or the very text, so that they are no negatives.
fn shared(session: &Session<'_>, batch: &[Sample], texts: &[usize], device: &Device) -> Tensor<2, Bool> {
    let n = batch.len();
    let mut mask = vec![false; n * n];
    for i in 0..n {
        for j in 0..n {
            mask[i * n + j] = i != j && (session.group(&batch[i]) == session.group(&batch[j]) || texts[i] == texts[j]);
        }
    }
    Tensor::from_data(TensorData::new(mask, [n, n]), device)
}

/// `[rows, classes]`, 1 at each row's class.
fn one_hot(classes: &[usize], count: usize, device: &Device) -> Tensor<2> {
    let mut values = vec![0.0f32; classes.len() * count];
    for (row, &class) in classes.iter().enumerate() {
        values[row * count + class] = 1.0;
    }
    Tensor::from_data(TensorData::new(values, [classes.len(), count]), device)
}
