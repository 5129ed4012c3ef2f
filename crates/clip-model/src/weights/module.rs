//! Moves named tensors into and out of burn modules.
//!
//! A parameter's name is its dotted path of fields; a `Vec` contributes the index, an enum nothing.
//! Stored tensors follow PyTorch's conventions, so that checkpoints from elsewhere need no more than
//! other names. The differences to burn are bridged here and nowhere else:
//!
//! - burn's `Linear` keeps `[in, out]`, stored is `[out, in]`;
//! - the norms' `gamma` and `beta` are stored as `weight` and `bias`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::layout::Location;
use super::layout::TensorLayout;
use super::source::TensorSource;
use super::stored_tensor::StoredTensor;
use crate::ModelError;

/// Fills every parameter of `module` from `source`, strictly.
///
/// Parameters keep their device and their identity; what they held before is never computed if they
/// were not used yet. Values are placed on the parameter's own device.
///
/// # Errors
/// The first missing or misshapen tensor, or all tensors of the source that are neither used nor
/// [ignored](TensorLayout::ignores) by the layout. Names and shapes are the file's own.
pub fn apply<M: Module>(module: M, source: &dyn TensorSource, layout: &dyn TensorLayout) -> Result<M, ModelError> {
    fill(module, Source::Now(source), layout)
}

/// As [`apply`], but each parameter is read when it is first used, so that who uses and drops one after the other never
/// has all in memory.
///
/// # Errors
/// As [`apply`], except for faults in a tensor other than its name and shape: [`Lazy::take`] reports those.
pub(crate) fn apply_lazily<M: Module>(
    module: M,
    source: SharedSource,
    layout: &dyn TensorLayout,
) -> Result<Lazy<M>, ModelError> {
    let failure = Arc::default();
    let module = fill(module, Source::Later(&source, &failure), layout)?;
    Ok(Lazy { module, failure })
}

/// A source that parameters hold on to until they are read.
pub(crate) type SharedSource = Arc<dyn TensorSource + Send + Sync>;

/// A module whose parameters are read when they are first used.
pub(crate) struct Lazy<M> {
    module: M,
    /// The first parameter that could not be read, which became zeros.
    failure: Failure,
}

/// The first error of parameters that are read later.
type Failure = Arc<Mutex<Option<ModelError>>>;

impl<M> Lazy<M> {
    /// What is made of the module, if all that was used of it could be read.
    ///
    /// # Errors
    /// Whatever was wrong with the first tensor that could not.
    pub fn take<T>(self, make: impl FnOnce(M) -> T) -> Result<T, ModelError> {
        let made = make(self.module);
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        failure.map_or(Ok(made), Err)
    }
}

fn fill<M: Module>(module: M, source: Source<'_>, layout: &dyn TensorLayout) -> Result<M, ModelError> {
    let mut loader = Loader { path: Path::default(), source, layout, used: BTreeSet::new(), error: None };
    let module = module.map(&mut loader);
    if let Some(error) = loader.error {
        return Err(error);
    }
    check_all_used(source.tensors(), layout, &loader.used)?;
    Ok(module)
}

/// Refuses a source with tensors that are neither used nor [ignored](TensorLayout::ignores).
pub(crate) fn check_all_used(
    source: &dyn TensorSource,
    layout: &dyn TensorLayout,
    used: &BTreeSet<String>,
) -> Result<(), ModelError> {
    let mut names: Vec<String> =
        source.names().into_iter().filter(|name| !used.contains(name) && !layout.ignores(name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    names.sort();
    Err(ModelError::UnexpectedTensors { origin: source.origin(), names })
}

/// A parameter's stored name, shape and values.
pub type NamedTensor = (String, Vec<usize>, Vec<f32>);

/// All parameters of `module` in the order of its fields, named and arranged as stored.
///
/// # Errors
/// [`ModelError::Execution`] if the device cannot hand the values over.
pub fn collect<M: Module>(module: &M) -> Result<Vec<NamedTensor>, ModelError> {
    let mut collector = Collector { path: Path::default(), tensors: Vec::new(), error: None };
    module.visit(&mut collector);
    match collector.error {
        Some(error) => Err(error),
        None => Ok(collector.tensors),
    }
}

/// The names and stored shapes of all parameters of `module`, without computing any.
pub fn shapes<M: Module>(module: &M) -> Vec<(String, Vec<usize>)> {
    let mut lister = Lister { path: Path::default(), shapes: Vec::new() };
    module.visit(&mut lister);
    lister.shapes
}

/// The path to the parameter being visited.
#[derive(Default)]
struct Path {
    fields: Vec<Option<String>>,
    /// The type that directly holds the parameter, such as `Struct:Linear`.
    containers: Vec<String>,
}

impl Path {
    fn enter(&mut self, name: &str, container: &str) {
        // An enum's variant says nothing that the configuration does not say.
        let field = (!container.starts_with("Enum:")).then(|| name.to_owned());
        self.fields.push(field);
        self.containers.push(container.to_owned());
    }

    fn exit(&mut self) {
        self.fields.pop();
        self.containers.pop();
    }

    fn is_linear_weight(&self) -> bool {
        self.containers.last().is_some_and(|c| c == "Struct:Linear")
            && self.fields.last().is_some_and(|f| f.as_deref() == Some("weight"))
    }

    fn name(&self) -> String {
        let in_norm = self.containers.last().is_some_and(|c| c.ends_with("Norm") && c.starts_with("Struct:"));
        let last = self.fields.len().saturating_sub(1);
        let fields: Vec<&str> = self
            .fields
            .iter()
            .enumerate()
            .filter_map(|(i, field)| {
                let field = field.as_deref()?;
                Some(match field {
                    "gamma" if in_norm && i == last => "weight",
                    "beta" if in_norm && i == last => "bias",
                    other => other,
                })
            })
            .collect();
        fields.join(".")
    }

    fn stored_shape(&self, shape: &[usize]) -> Vec<usize> {
        let mut stored = shape.to_vec();
        if self.is_linear_weight() {
            stored.reverse();
        }
        stored
    }
}

/// Where tensors are read from, and when.
#[derive(Clone, Copy)]
enum Source<'a> {
    Now(&'a dyn TensorSource),
    Later(&'a SharedSource, &'a Failure),
}

impl<'a> Source<'a> {
    fn tensors(self) -> &'a dyn TensorSource {
        match self {
            Self::Now(source) => source,
            Self::Later(source, _) => &**source,
        }
    }
}

struct Loader<'a> {
    path: Path,
    source: Source<'a>,
    layout: &'a dyn TensorLayout,
    used: BTreeSet<String>,
    error: Option<ModelError>,
}

impl Loader<'_> {
    /// Finds the parameter that is being visited, whose tensor is there and has the right shape.
    fn find(&mut self, shape: &[usize]) -> Result<Place, ModelError> {
        let stored = self.path.stored_shape(shape);
        let location = self.layout.locate(&self.path.name());
        let source = self.source.tensors();
        check_located(source, &location, &stored)?;
        self.used.extend(location.parts.iter().cloned());
        // At most one transposition is due: the two reasons for it cancel out.
        let turned = self.path.is_linear_weight() != location.transposed;
        if turned && stored.len() != 2 {
            return Err(ModelError::MisshapenTensor {
                origin: source.origin(),
                name: self.path.name(),
                expected: stored.clone(),
                found: stored,
            });
        }
        Ok(Place { location, stored, turned })
    }
}

/// Where a parameter is.
struct Place {
    location: Location,
    /// Shape of the stored tensor's parts together, before any transposition.
    stored: Vec<usize>,
    /// Whether ours is the transpose of what is stored.
    turned: bool,
}

impl Place {
    fn read(&self, source: &dyn TensorSource) -> Result<Vec<f32>, ModelError> {
        let tensor = read_located(source, &self.location, &self.stored)?;
        Ok(match (self.turned, tensor.shape.as_slice()) {
            (true, &[rows, columns]) => transpose(&tensor.data, rows, columns),
            _ => tensor.data,
        })
    }
}

/// Checks that the parts of a tensor together have the shape that is wanted, without reading any.
pub(crate) fn check_located(
    source: &dyn TensorSource,
    location: &Location,
    wanted: &[usize],
) -> Result<(), ModelError> {
    let mut whole = wanted.to_vec();
    if location.transposed {
        whole.reverse();
    }
    if location.batched {
        whole.insert(0, 1);
    }
    let all: usize = if location.shares.is_empty() { location.parts.len() } else { location.shares.iter().sum() };
    if location.parts.is_empty() {
        return Err(ModelError::MissingTensor { origin: source.origin(), name: String::new(), expected: whole });
    }
    for (part, name) in location.parts.iter().enumerate() {
        let mut expected = whole.clone();
        if location.parts.len() > 1 {
            expected[0] = expected[0] / all * location.shares.get(part).unwrap_or(&1);
        }
        let Some(shape) = source.shape(name) else {
            return Err(ModelError::MissingTensor { origin: source.origin(), name: name.clone(), expected });
        };
        // PyTorch keeps single numbers as scalars, burn as vectors of one.
        let scalar = expected == [1] && shape.is_empty();
        if shape != expected && !scalar {
            return Err(ModelError::MisshapenTensor {
                origin: source.origin(),
                name: name.clone(),
                expected,
                found: shape,
            });
        }
    }
    Ok(())
}

/// Reads the parts of a tensor, which together must have the shape that is wanted.
pub(crate) fn read_located(
    source: &dyn TensorSource,
    location: &Location,
    wanted: &[usize],
) -> Result<StoredTensor, ModelError> {
    // Before reading: a file with other shapes must not cost their memory.
    check_located(source, location, wanted)?;
    let mut parts = location.parts.iter().map(|name| source.read(name));
    let mut joined = parts.next().unwrap_or_else(|| Ok(StoredTensor { shape: vec![0], data: Vec::new() }))?;
    for part in parts {
        let part = part?;
        joined.shape[0] += part.shape[0];
        joined.data.extend_from_slice(&part.data);
    }
    Ok(joined)
}

/// `[rows, columns]` to `[columns, rows]`, in tiles that stay in the cache.
pub(crate) fn transpose(data: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const TILE: usize = 32;
    let mut out = vec![0.0; data.len()];
    for row0 in (0..rows).step_by(TILE) {
        for column0 in (0..columns).step_by(TILE) {
            for row in row0..rows.min(row0 + TILE) {
                for column in column0..columns.min(column0 + TILE) {
                    out[column * rows + row] = data[row * columns + column];
                }
            }
        }
    }
    out
}

impl ModuleMapper for Loader<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // The trait cannot return errors: the first is kept and nothing more is read.
        if self.error.is_some() {
            return param;
        }
        let (shape, device) = (param.lazy_shape(), param.lazy_device());
        let dims: Vec<usize> = shape.iter().copied().collect();
        let filled = self.find(&dims).and_then(|place| match self.source {
            Source::Now(source) => {
                let mut filled = Param::from_data(TensorData::new(place.read(source)?, shape), &device);
                filled.id = param.id;
                Ok(filled)
            }
            Source::Later(source, failure) => {
                let (source, failure, dims) = (source.clone(), failure.clone(), shape.clone());
                let read = move |device: &Device, _| {
                    let data = place.read(&*source).unwrap_or_else(|error| {
                        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        vec![0.0; dims.num_elements()]
                    });
                    Tensor::from_data(TensorData::new(data, dims), device)
                };
                Ok(Param::uninitialized(param.id, read, device, false, shape))
            }
        });
        filled.unwrap_or_else(|error| {
            self.error = Some(error);
            param
        })
    }
}

struct Collector {
    path: Path,
    tensors: Vec<NamedTensor>,
    error: Option<ModelError>,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.error.is_some() {
            return;
        }
        let tensor = param.val();
        let shape = self.path.stored_shape(&tensor.dims());
        let values = tensor
            .try_into_data()
            .map_err(|e| e.to_string())
            .and_then(|data| data.convert::<f32>().try_into_vec::<f32>().map_err(|e| format!("{e:?}")));
        match values {
            Ok(mut values) => {
                if self.path.is_linear_weight() {
                    values = transpose(&values, shape[1], shape[0]);
                }
                self.tensors.push((self.path.name(), shape, values));
            }
            Err(reason) => {
                self.error = Some(ModelError::Execution { device: "device", reason });
            }
        }
    }
}

struct Lister {
    path: Path,
    shapes: Vec<(String, Vec<usize>)>,
}

impl ModuleVisitor for Lister {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape: Vec<usize> = param.lazy_shape().iter().copied().collect();
        self.shapes.push((self.path.name(), self.path.stored_shape(&shape)));
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
    use burn::tensor::Device;
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::weights::Native;

    /// A layout from two closures.
    struct Renamed<L, I> {
        locate: L,
        ignores: I,
    }

    impl<L: Fn(&str) -> Location, I: Fn(&str) -> bool> TensorLayout for Renamed<L, I> {
        fn locate(&self, name: &str) -> Location {
            (self.locate)(name)
        }

        fn ignores(&self, stored: &str) -> bool {
            (self.ignores)(stored)
        }
    }

    #[derive(Module, Debug)]
    struct Layer {
        norm: LayerNorm,
        project: Linear,
    }

    #[derive(Module, Debug)]
    enum Choice {
        Deep(Layer),
    }

    #[derive(Module, Debug)]
    struct Net {
        choice: Choice,
        layers: Vec<Linear>,
        scale: Param<Tensor<1>>,
    }

    fn net() -> Net {
        let device = Device::flex();
        Net {
            choice: Choice::Deep(Layer {
                norm: LayerNormConfig::new(3).init(&device),
                project: LinearConfig::new(3, 2).init(&device),
            }),
            layers: vec![LinearConfig::new(2, 6).with_bias(false).init(&device)],
            scale: Param::from_data([1.0], &device),
        }
    }

    struct Memory(BTreeMap<String, StoredTensor>);

    impl Memory {
        fn of(net: &Net) -> Self {
            Self(
                collect(net)
                    .unwrap()
                    .into_iter()
                    .map(|(name, shape, data)| (name, StoredTensor { shape, data }))
                    .collect(),
            )
        }
    }

    impl TensorSource for Memory {
        fn origin(&self) -> String {
            "memory".into()
        }
        fn names(&self) -> Vec<String> {
            self.0.keys().cloned().collect()
        }
        fn shape(&self, name: &str) -> Option<Vec<usize>> {
            self.0.get(name).map(|t| t.shape.clone())
        }
        fn read(&self, name: &str) -> Result<StoredTensor, ModelError> {
            Ok(self.0[name].clone())
        }
    }

    #[test]
    fn names_and_shapes_are_pytorchs() {
        let expected = [
            ("choice.norm.weight", vec![3]),
            ("choice.norm.bias", vec![3]),
            ("choice.project.weight", vec![2, 3]),
            ("choice.project.bias", vec![2]),
            ("layers.0.weight", vec![6, 2]),
            ("scale", vec![1]),
        ];
        let found = shapes(&net());
        let found: Vec<(&str, Vec<usize>)> = found.iter().map(|(n, s)| (n.as_str(), s.clone())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_collected_can_be_applied() {
        let first = net();
        let source = Memory::of(&first);
        let second = apply(net(), &source, &Native { prefix: "" }).unwrap();
        assert_eq!(collect(&first).unwrap(), collect(&second).unwrap());
        let x = Tensor::<2>::from_data([[1.0, -2.0, 0.5]], &Device::flex());
        let out = |net: &Net| {
            let Choice::Deep(layer) = &net.choice;
            layer.project.forward(layer.norm.forward(x.clone())).into_data()
        };
        assert_eq!(out(&first), out(&second));
    }

    /// Counts what is read, and fails at one tensor.
    struct Watched {
        memory: Memory,
        reads: AtomicUsize,
        fails: &'static str,
    }

    impl TensorSource for Watched {
        fn origin(&self) -> String {
            self.memory.origin()
        }
        fn names(&self) -> Vec<String> {
            self.memory.names()
        }
        fn shape(&self, name: &str) -> Option<Vec<usize>> {
            self.memory.shape(name)
        }
        fn read(&self, name: &str) -> Result<StoredTensor, ModelError> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            if name == self.fails {
                return Err(ModelError::Input(format!("{name} is damaged")));
            }
            self.memory.read(name)
        }
    }

    fn watched(memory: Memory, fails: &'static str) -> Arc<Watched> {
        Arc::new(Watched { memory, reads: AtomicUsize::new(0), fails })
    }

    #[test]
    fn what_is_applied_lazily_is_read_when_it_is_used() {
        let first = net();
        let source = watched(Memory::of(&first), "");
        let lazy = apply_lazily(net(), source.clone(), &Native { prefix: "" }).unwrap();
        assert_eq!(source.reads.load(Ordering::Relaxed), 0);
        let found = lazy
            .take(|net| {
                let weights = net.layers[0].weight.val();
                assert_eq!((weights.dims(), source.reads.load(Ordering::Relaxed)), ([2, 6], 1));
                collect(&net)
            })
            .unwrap()
            .unwrap();
        assert_eq!((found, source.reads.load(Ordering::Relaxed)), (collect(&first).unwrap(), 6));
    }

    #[test]
    fn what_cannot_be_read_lazily_comes_out_in_the_end() {
        let source = watched(Memory::of(&net()), "choice.project.weight");
        let lazy = || apply_lazily(net(), source.clone(), &Native { prefix: "" }).unwrap();
        assert!(lazy().take(|net| net.scale.val().dims()).is_ok(), "it was not asked for");
        // Even if parts that were not asked for are kept.
        let error = lazy().take(|net| {
            let Choice::Deep(layer) = &net.choice;
            layer.project.weight.val();
            net
        });
        assert!(error.is_err(), "the error of one parameter was lost with another unread");
        let error = lazy().take(|net| collect(&net).map(drop)).unwrap_err();
        assert!(error.to_string().contains("choice.project.weight is damaged"), "{error}");
        // Names and shapes are known at once.
        let mut memory = Memory::of(&net());
        memory.0.remove("scale");
        let error = apply_lazily(net(), watched(memory, ""), &Native { prefix: "" }).err();
        assert!(matches!(error, Some(ModelError::MissingTensor { name, .. }) if name == "scale"));
    }

    #[test]
    fn joined_and_transposed_parts() {
        let first = net();
        let mut source = Memory::of(&first);
        let whole = source.0.remove("layers.0.weight").unwrap();
        for part in 0..3 {
            let tensor = StoredTensor { shape: vec![2, 2], data: whole.data[part * 4..][..4].to_vec() };
            source.0.insert(format!("part{part}"), tensor);
        }
        let project = source.0.remove("choice.project.weight").unwrap();
        let flipped = StoredTensor { shape: vec![3, 2], data: transpose(&project.data, 2, 3) };
        source.0.insert("flipped".into(), flipped);
        source.0.insert("buffer".into(), whole);
        let layout = Renamed {
            locate: |name: &str| match name {
                "layers.0.weight" => Location::joined((0..3).map(|i| format!("part{i}"))),
                "choice.project.weight" => Location::transposed("flipped"),
                other => Location::one(other),
            },
            ignores: |name: &str| name == "buffer",
        };
        let second = apply(net(), &source, &layout).unwrap();
        assert_eq!(collect(&first).unwrap(), collect(&second).unwrap());
    }

    #[test]
    fn missing_unexpected_and_misshapen_are_named() {
        let native = Native { prefix: "" };
        let mut source = Memory::of(&net());
        let bias = source.0.remove("choice.project.bias").unwrap();
        match apply(net(), &source, &native) {
            Err(ModelError::MissingTensor { name, expected, .. }) => {
                assert_eq!((name.as_str(), expected), ("choice.project.bias", vec![2]));
            }
            other => panic!("{other:?}"),
        }
        let wrong = StoredTensor { shape: vec![1, 2], data: bias.data.clone() };
        source.0.insert("choice.project.bias".into(), wrong);
        match apply(net(), &source, &native) {
            Err(ModelError::MisshapenTensor { found, .. }) => assert_eq!(found, vec![1, 2]),
            other => panic!("{other:?}"),
        }
        source.0.insert("choice.project.bias".into(), bias.clone());
        source.0.insert("extra.weight".into(), bias);
        match apply(net(), &source, &native) {
            Err(ModelError::UnexpectedTensors { names, .. }) => assert_eq!(names, ["extra.weight"]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn transposing_crosses_tile_borders() {
        let (rows, columns) = (70, 33);
        let data: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
        let flipped = transpose(&data, rows, columns);
        assert_eq!(flipped[2 * rows + 69], data[69 * columns + 2]);
        assert_eq!(transpose(&flipped, columns, rows), data);
    }
}
