//! Losses and their gradients against PyTorch (open_clip's own classes; `tests/golden/loss.py` made the figures).

use burn::tensor::{Device, Tensor, TensorData};
use clip_train::loss::{info_nce, pairwise_sigmoid};
use serde_json::Value;

fn matrix(value: &Value) -> TensorData {
    let rows: Vec<Vec<f32>> = serde_json::from_value(value.clone()).unwrap();
    let shape = [rows.len(), rows[0].len()];
    TensorData::new(rows.concat(), shape)
}

fn number(value: &Value) -> f32 {
    value.as_f64().unwrap() as f32
}

fn close(what: &str, found: f32, expected: &Value) {
    let expected = number(expected);
    assert!((found - expected).abs() <= 2e-5 * (1.0 + expected.abs()), "{what}: {found} is not {expected}");
}

fn all_close(what: &str, found: Tensor<2>, expected: &Value) {
    let found: Vec<f32> = found.into_data().try_into_vec().unwrap();
    let expected: Vec<Vec<f32>> = serde_json::from_value(expected.clone()).unwrap();
    for (found, expected) in found.iter().zip(expected.concat()) {
        assert!((found - expected).abs() < 2e-5, "{what}: {found} is not {expected}");
    }
}

#[test]
fn losses_and_gradients_are_pytorchs() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("fixtures/loss/expected.json")).unwrap();
    assert_eq!(cases.len(), 3);
    let device = Device::flex().autodiff();
    for case in &cases {
        let vectors = |name: &str| Tensor::<2>::from_data(matrix(&case[name]), &device).require_grad();
        let scalar = |name: &str| Tensor::<1>::from_data([number(&case[name])], &device).require_grad();

        let (image, scale) = (vectors("image"), scalar("scale"));
        let loss = info_nce(image.clone(), vectors("text"), scale.clone(), None);
        let expected = &case["info_nce"];
        close("InfoNCE", loss.clone().into_scalar(), &expected["loss"]);
        let gradients = loss.backward();
        all_close("InfoNCE by image", image.grad(&gradients).unwrap(), &expected["image"]);
        close("InfoNCE by scale", scale.grad(&gradients).unwrap().into_scalar(), &expected["scale"]);

        let (image, scale, bias) = (vectors("image"), scalar("scale"), scalar("bias"));
        let loss = pairwise_sigmoid(image.clone(), vectors("text"), scale.clone(), bias.clone(), None);
        let expected = &case["sigmoid"];
        close("sigmoid", loss.clone().into_scalar(), &expected["loss"]);
        let gradients = loss.backward();
        all_close("sigmoid by image", image.grad(&gradients).unwrap(), &expected["image"]);
        close("sigmoid by scale", scale.grad(&gradients).unwrap().into_scalar(), &expected["scale"]);
        close("sigmoid by bias", bias.grad(&gradients).unwrap().into_scalar(), &expected["bias"]);
    }
}
