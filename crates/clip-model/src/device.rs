//! Which device computes.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use burn::tensor::{DType, Device, FloatDType, Tensor};

use crate::shown::shown;
use crate::{ModelError, Precision};

/// The device that a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A real GPU if there is one that works and the feature `gpu` is on, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A real GPU; an error if there is none, or if the feature `gpu` is off.
    Gpu,
}

impl FromStr for DeviceChoice {
    type Err = ModelError;

    fn from_str(s: &str) -> Result<Self, ModelError> {
        match s {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu),
            other => Err(ModelError::Input(format!("unknown device `{other}`; expected auto, cpu or gpu"))),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        })
    }
}

/// A device that was tried.
#[derive(Debug, Clone)]
pub struct SelectedDevice {
    /// For burn.
    pub device: Device,
    /// Whether it is a GPU.
    pub is_gpu: bool,
    /// Why it is not the GPU that is there, if that is so. For the user to see once.
    pub notice: Option<String>,
}

impl SelectedDevice {
    /// The CPU, which is always there.
    pub fn cpu() -> Self {
        Self { device: Device::flex(), is_gpu: false, notice: None }
    }

    /// `CPU` or `GPU`, for messages.
    pub fn label(&self) -> &'static str {
        if self.is_gpu { "GPU" } else { "CPU" }
    }
}

/// Finds the device for a choice and what the image tower computes in. A GPU is used only if it gets a small product
/// right; one that fails is replaced by the CPU, and [`SelectedDevice::notice`] says so.
///
/// # Errors
/// If a GPU was asked for: [`ModelError::NoGpuSupport`] if this build has none, [`ModelError::Device`] if the machine has
/// none, [`ModelError::Precision`] if it has one that does not compute in this precision.
pub fn select(choice: DeviceChoice, precision: Precision) -> Result<SelectedDevice, ModelError> {
    // No GPU computes in integers here.
    let never = choice == DeviceChoice::Auto && precision == Precision::Int8;
    if choice == DeviceChoice::Cpu || never {
        return Ok(SelectedDevice::cpu());
    }
    let device = match gpu::find() {
        Ok(device) => device,
        Err(error) if choice == DeviceChoice::Gpu => return Err(error),
        Err(_) => return Ok(SelectedDevice::cpu()),
    };
    if !computes(&device, precision) {
        return match choice {
            DeviceChoice::Gpu => Err(ModelError::Precision { precision }),
            _ => Ok(SelectedDevice::cpu()),
        };
    }
    match try_out(&device, floats(precision)) {
        Ok(()) => Ok(SelectedDevice { device, is_gpu: true, notice: None }),
        Err(reason) => Ok(SelectedDevice {
            notice: Some(format!("the GPU does not work ({}); using the CPU", shown(&reason))),
            ..SelectedDevice::cpu()
        }),
    }
}

/// Finding a GPU, where the feature `gpu` is on.
#[cfg(feature = "gpu")]
mod gpu {
    use std::panic::catch_unwind;
    use std::path::Path;

    use burn::tensor::{Device, DeviceKind, DeviceType};

    use crate::ModelError;

    /// The best adapter that is hardware.
    pub(super) fn find() -> Result<Device, ModelError> {
        real_gpu()
            .ok_or_else(|| ModelError::Device { reason: "no GPU was found (software renderers are not used)".into() })
    }

    /// Adapters are listed before any device is made: making one without an adapter would panic, and a software
    /// renderer is slower than the CPU backend.
    fn real_gpu() -> Option<Device> {
        if !may_have_gpu(Path::new("/dev")) {
            return None;
        }
        let found = catch_unwind(|| Device::enumerate(DeviceType::Wgpu)).ok()?;
        let kinds = [DeviceKind::DiscreteGpu, DeviceKind::IntegratedGpu, DeviceKind::VirtualGpu];
        kinds.iter().map(|kind| Device::wgpu(kind(0))).find(|device| found.contains(device))
    }

    /// Whether a GPU's driver has left a file in `devices`, the folder of device files, on systems that have one.
    /// Graphics libraries take a while to find nothing, and some write complaints to the standard error meanwhile.
    fn may_have_gpu(devices: &Path) -> bool {
        // Of Mesa's drivers, Nvidia's, Windows' for Linux, Arm's and Qualcomm's.
        let nodes = ["dri", "nvidiactl", "dxg", "mali0", "kgsl-3d0"];
        !cfg!(target_os = "linux") || nodes.iter().any(|node| devices.join(node).exists())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        #[cfg(target_os = "linux")]
        fn a_gpu_has_a_device_file() {
            let devices = tempfile::tempdir().unwrap();
            assert!(!may_have_gpu(devices.path()));
            std::fs::create_dir(devices.path().join("dri")).unwrap();
            assert!(may_have_gpu(devices.path()));
        }
    }
}

/// What stands for it in a build without GPU support.
#[cfg(not(feature = "gpu"))]
mod gpu {
    use burn::tensor::Device;

    use crate::ModelError;

    pub(super) fn find() -> Result<Device, ModelError> {
        Err(ModelError::NoGpuSupport)
    }
}

/// What a GPU computes an image tower in.
pub(crate) fn floats(precision: Precision) -> FloatDType {
    if precision == Precision::F16 { FloatDType::F16 } else { FloatDType::F32 }
}

/// Whether a GPU can. Drivers fail at any point, and burn then panics.
fn computes(device: &Device, precision: Precision) -> bool {
    let supports = || device.supports_dtype(floats(precision));
    precision != Precision::Int8 && catch_unwind(AssertUnwindSafe(supports)).unwrap_or(false)
}

/// Multiplies two small matrices, since drivers may list an adapter and then fail to run anything on it.
fn try_out(device: &Device, floats: FloatDType) -> Result<(), String> {
    let product = catch_unwind(AssertUnwindSafe(|| {
        let options = (device, DType::from(floats));
        let a = Tensor::<2>::from_data([[1.0, 2.0], [3.0, 4.0]], options);
        let b = Tensor::<2>::from_data([[0.5, -1.0], [2.0, 1.0]], options);
        a.matmul(b).try_into_data().map_err(|e| e.to_string())
    }))
    .map_err(|_| "its driver cannot be used".to_owned())??;
    let product = product.convert::<f32>().try_into_vec::<f32>().map_err(|e| format!("{e:?}"))?;
    let right = product.iter().zip([4.5, 1.0, 9.5, 1.0]).all(|(a, b)| (a - b).abs() < 1e-3);
    if right { Ok(()) } else { Err(format!("it computes a wrong product: {product:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_and_shown() {
        for choice in [DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Gpu] {
            assert_eq!(choice.to_string().parse::<DeviceChoice>().unwrap(), choice);
        }
        assert!("tpu".parse::<DeviceChoice>().unwrap_err().to_string().contains("auto, cpu or gpu"));
    }

    #[test]
    fn auto_always_finds_a_device_that_computes() {
        for precision in Precision::ALL {
            let selected = select(DeviceChoice::Auto, precision).unwrap();
            assert_eq!(try_out(&selected.device, FloatDType::F32), Ok(()));
            assert!(!selected.is_gpu || precision != Precision::Int8);
        }
    }

    #[test]
    fn a_gpu_that_is_asked_for_is_a_gpu_or_an_error() {
        match select(DeviceChoice::Gpu, Precision::F32) {
            Ok(selected) => assert!(selected.is_gpu || selected.notice.is_some()),
            Err(error) => {
                assert_eq!(matches!(error, ModelError::Device { .. }), cfg!(feature = "gpu"), "{error}");
                assert_eq!(error.remedy(), Some(crate::Remedy::UseCpu), "{error}");
            }
        }
    }
}
