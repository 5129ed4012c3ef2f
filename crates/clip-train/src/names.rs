//! The embedded names of the classifier's classes, renewed a few at a time.
//!
//! To embed a thousand names with gradients costs several times what a batch of captions does, and little of it moves
//! from one step to the next. So each step embeds a random few with gradients, and takes the others as they were when
//! they were last drawn (a memory bank, as in Wu et al. 2018, "Unsupervised feature learning via non-parametric
//! instance discrimination").

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::rngs::StdRng;
use rand::seq::index;

/// Embeds texts, given by their indices, to unit vectors `[texts, embed_dim]`.
pub type Embed<'a> = dyn Fn(&[usize]) -> Tensor<2> + 'a;

/// The last embedding of each class's name.
#[derive(Debug)]
pub struct Names {
    /// `[classes, embed_dim]`, on the plain device.
    bank: Tensor<2>,
    /// Classes that a step embeds with gradients.
    fresh: usize,
}

/// Names as one step sees them.
#[derive(Debug)]
pub struct Drawn {
    /// `[classes, embed_dim]`, those with gradients first.
    pub rows: Tensor<2>,
    /// The class of each row.
    pub classes: Vec<usize>,
}

impl Names {
    /// All `texts`, one per class, embedded without gradients by `embed`; steps will renew `fresh` of them.
    pub fn new(texts: &[usize], fresh: usize, embed: &Embed<'_>) -> Self {
        Self { bank: embed(texts), fresh: fresh.min(texts.len()) }
    }

    /// Draws the classes to renew and embeds their `texts` (one per class, drawn by the caller) by
    /// `embed`, which gives tensors on the device with gradients.
    pub fn step(&mut self, texts: &[usize], embed: &Embed<'_>, rng: &mut StdRng) -> Drawn {
        let count = texts.len();
        if self.fresh == count {
            return Drawn { rows: embed(texts), classes: (0..count).collect() };
        }
        let mut classes = index::sample(rng, count, self.fresh).into_vec();
        let mut is_fresh = vec![false; count];
        classes.iter().for_each(|&class| is_fresh[class] = true);
        let wanted: Vec<usize> = classes.iter().map(|&class| texts[class]).collect();
        let fresh = embed(&wanted);
        classes.extend((0..count).filter(|&class| !is_fresh[class]));
        let device = self.bank.device();
        let kept = self.bank.clone().select(0, indices(&classes[self.fresh..], &device));
        // Rows in the order of `classes`, then back to the order of the classes themselves.
        let mut place = vec![0; count];
        classes.iter().enumerate().for_each(|(row, &class)| place[class] = row);
        self.bank = Tensor::cat(vec![fresh.clone().inner(), kept.clone()], 0).select(0, indices(&place, &device));
        Drawn { rows: Tensor::cat(vec![fresh, Tensor::from_inner(kept)], 0), classes }
    }
}

impl Drawn {
    /// Columns of `[rows, classes]` in the order of the classes, moved to the order of the drawn rows.
    pub fn arrange(&self, targets: Tensor<2>) -> Tensor<2> {
        let device = targets.device();
        targets.select(1, indices(&self.classes, &device))
    }
}

fn indices(values: &[usize], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i64> = values.iter().map(|&value| value as i64).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::frozen::to_vec;

    /// A text's "embedding" is its index plus an offset, so that one sees when a row was embedded.
    fn embed(device: &Device, offset: f32) -> impl Fn(&[usize]) -> Tensor<2> {
        let device = device.clone();
        move |texts| {
            let values: Vec<f32> = texts.iter().map(|&text| text as f32 + offset).collect();
            let count = values.len();
            Tensor::from_data(TensorData::new(values, [count, 1]), &device)
        }
    }

    #[test]
    fn each_step_renews_some_and_keeps_the_others() {
        let device = Device::flex();
        let texts: Vec<usize> = (0..10).collect();
        let mut rng = StdRng::seed_from_u64(1);
        let mut names = Names::new(&texts, 3, &embed(&device, 0.0));
        let learning = device.clone().autodiff();
        let mut age = [0.0f32; 10];
        for step in 1..20 {
            let offset = step as f32 * 100.0;
            let drawn = names.step(&texts, &embed(&learning, offset), &mut rng);
            drawn.classes[..3].iter().for_each(|&class| age[class] = offset);
            let mut sorted = drawn.classes.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, texts);
            let expected: Vec<f32> = drawn.classes.iter().map(|&class| class as f32 + age[class]).collect();
            assert_eq!(to_vec(drawn.rows.clone().inner()), expected, "step {step}");
            let targets = Tensor::<2>::from_data([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]], &device);
            let expected: Vec<f32> = drawn.classes.iter().map(|&class| class as f32).collect();
            assert_eq!(to_vec(drawn.arrange(targets)), expected);
        }
    }
}
