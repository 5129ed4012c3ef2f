//! Reading a file and decoding its pictures.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use crate::Library;
use crate::ffi::{
    CHANNEL_INTERLEAVED, CHROMA_INTERLEAVED_RGB, CHROMA_INTERLEAVED_RGBA, COLORSPACE_RGB, Context, DecodingOptions,
    Handle, HeifError, Image,
};

/// How large a picture may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Width times height, of a picture or of the picture that it is cropped from.
    pub max_pixels: u64,
    /// The most bytes per allocation, if the version of the library supports such a limit.
    pub max_memory: u64,
}

/// Why there are no pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A variant that the library or its decoders do not support.
    #[error("this variety is not supported")]
    Unsupported,
    /// It takes more memory than the limits allow.
    #[error("it takes more memory than is allowed")]
    TooMuchMemory,
    /// The file ends before its picture does.
    #[error("the file ends early")]
    EndsEarly,
    /// The file has no primary picture.
    #[error("it has no image")]
    NoPicture,
    /// Anything else.
    #[error("its boxes or its compressed data cannot be read")]
    Damaged,
}

/// A file whose list of pictures has been read. Each thread opens its own.
pub struct File<'a> {
    library: &'static Library,
    context: NonNull<Context>,
    /// The library reads from here when it decodes.
    bytes: PhantomData<&'a [u8]>,
}

impl Library {
    /// Reads a file up to the pixels.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn open<'a>(&'static self, bytes: &'a [u8], limits: &Limits) -> Result<File<'a>, Fault> {
        let functions = &self.functions;
        // SAFETY: it takes nothing; what it gives is released with the `File`.
        let context = NonNull::new(unsafe { (functions.context_alloc)() }).ok_or(Fault::TooMuchMemory)?;
        let file = File { library: self, context, bytes: PhantomData };
        let context = context.as_ptr();
        // SAFETY: the context is alive, and there is only this reference to it.
        unsafe {
            if let Some(set_threads) = functions.set_threads {
                // Programs decode several files at a time.
                set_threads(context, 0);
            }
            if let Some(limits_of) = functions.security_limits
                && let Some(own) = limits_of(context).as_mut()
                && own.version >= 1
            {
                own.max_image_size_pixels = limits.max_pixels;
                own.max_memory_block_size = limits.max_memory;
            }
        }
        // SAFETY: the bytes live longer than the file, which borrows them.
        let error = unsafe { (functions.read_without_copy)(context, bytes.as_ptr().cast(), bytes.len(), ptr::null()) };
        fault_of(error)?;
        Ok(file)
    }
}

impl File<'_> {
    /// The primary picture.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn primary(&self) -> Result<Picture<'_>, Fault> {
        let mut handle = ptr::null_mut();
        // SAFETY: the context is alive, and the place for the result is valid.
        fault_of(unsafe { (self.library.functions.primary)(self.context.as_ptr(), &raw mut handle) })?;
        let picture = Picture::new(self.library, handle)?;
        if self.library.functions.security_limits.is_none() {
            self.limit_sides(&picture);
        }
        Ok(picture)
    }

    /// Early versions allow 32,768 pixels on a side, whatever the size in the file.
    fn limit_sides(&self, picture: &Picture<'_>) {
        /// Compressed pictures are padded to whole blocks.
        const BLOCK: u32 = 64;
        const MOST: u32 = 32_768;
        let functions = &self.library.functions;
        let stored = [functions.stored_width, functions.stored_height].map(|side| {
            // SAFETY: the handle is alive.
            side.map_or(0, |side| unsafe { side(picture.handle.as_ptr()) })
        });
        let [width, height] = stored.map(|side| u32::try_from(side).unwrap_or(0));
        let longest = width.max(height).max(picture.size().0).max(picture.size().1);
        let side = longest.saturating_add(BLOCK).min(MOST) as c_int;
        // SAFETY: the context is alive, and no other thread knows of it.
        unsafe { (functions.set_maximum_side)(self.context.as_ptr(), side) };
    }
}

impl Drop for File<'_> {
    fn drop(&mut self) {
        // SAFETY: it was allocated by this function's counterpart, and pictures of it borrow the file.
        unsafe { (self.library.functions.context_free)(self.context.as_ptr()) };
    }
}

/// A picture of a file that has not been decoded.
pub struct Picture<'a> {
    library: &'static Library,
    handle: NonNull<Handle>,
    file: PhantomData<&'a ()>,
}

impl Picture<'_> {
    fn new(library: &'static Library, handle: *mut Handle) -> Result<Self, Fault> {
        Ok(Self { library, handle: NonNull::new(handle).ok_or(Fault::NoPicture)?, file: PhantomData })
    }

    /// Width and height after rotation and cropping.
    pub fn size(&self) -> (u32, u32) {
        let functions = &self.library.functions;
        // SAFETY: the handle is alive.
        let sides = unsafe { [functions.handle_width, functions.handle_height].map(|side| side(self.handle.as_ptr())) };
        let [width, height] = sides.map(|side| u32::try_from(side).unwrap_or(0));
        (width, height)
    }

    /// Whether it has an alpha channel.
    pub fn has_alpha(&self) -> bool {
        // SAFETY: the handle is alive.
        unsafe { (self.library.functions.handle_has_alpha)(self.handle.as_ptr()) != 0 }
    }

    /// Bits per sample, as stored.
    pub fn bits(&self) -> u32 {
        // SAFETY: the handle is alive.
        let bits = unsafe { (self.library.functions.handle_bits)(self.handle.as_ptr()) };
        u32::try_from(bits).ok().filter(|bits| *bits > 0).unwrap_or(8)
    }

    /// The thumbnails of it in the file.
    pub fn thumbnails(&self) -> Vec<Picture<'_>> {
        /// Files have one or two.
        const MOST: usize = 8;
        let functions = &self.library.functions;
        let mut ids = [0; MOST];
        // SAFETY: the handle is alive, and there is room for as many numbers.
        let count = unsafe { (functions.thumbnail_ids)(self.handle.as_ptr(), ids.as_mut_ptr(), MOST as c_int) };
        let count = usize::try_from(count).unwrap_or(0).min(MOST);
        let thumbnail = |id: &u32| {
            let mut handle = ptr::null_mut();
            // SAFETY: the handle is alive, and the place for the result is valid.
            fault_of(unsafe { (functions.thumbnail)(self.handle.as_ptr(), *id, &raw mut handle) }).ok()?;
            Picture::new(self.library, handle).ok()
        };
        ids[..count].iter().filter_map(thumbnail).collect()
    }

    /// The ICC profile of its colours, if it has one.
    pub fn icc_profile(&self) -> Option<Vec<u8>> {
        /// Profiles of printers have a few MB.
        const MOST: usize = 16 << 20;
        let functions = &self.library.functions;
        // SAFETY: the handle is alive.
        let size = unsafe { (functions.profile_size)(self.handle.as_ptr()) };
        if size == 0 || size > MOST {
            return None;
        }
        let mut profile = vec![0; size];
        // SAFETY: the handle is alive, and there is room for as many bytes as it said.
        fault_of(unsafe { (functions.profile)(self.handle.as_ptr(), profile.as_mut_ptr().cast()) }).ok()?;
        Some(profile)
    }

    /// The code points of its colour primaries and transfer characteristics (ITU-T H.273), if it has them.
    pub fn coded_colours(&self) -> Option<(u8, u8)> {
        let functions = &self.library.functions;
        let mut colours = ptr::null_mut();
        // SAFETY: the handle is alive, and the place for the result is valid.
        fault_of(unsafe { (functions.coded_colours)(self.handle.as_ptr(), &raw mut colours) }).ok()?;
        let colours = NonNull::new(colours)?;
        // SAFETY: the library gave it to this function alone, which releases it and does not look at it again.
        let numbers = unsafe {
            let numbers = (colours.as_ref().primaries, colours.as_ref().transfer);
            (functions.coded_colours_free)(colours.as_ptr());
            numbers
        };
        Some((u8::try_from(numbers.0).ok()?, u8::try_from(numbers.1).ok()?))
    }

    /// Decodes it to 8 bits per sample: RGB, or RGBA if it [has an alpha channel](Self::has_alpha).
    ///
    /// # Errors
    /// [`Fault`].
    pub fn decode(&self) -> Result<Pixels, Fault> {
        let functions = &self.library.functions;
        let has_alpha = self.has_alpha();
        let chroma = if has_alpha { CHROMA_INTERLEAVED_RGBA } else { CHROMA_INTERLEAVED_RGB };
        let options = Options::new(self.library);
        let mut image = ptr::null_mut();
        // SAFETY: the handle and the options are alive, and the place for the result is valid.
        let error = unsafe {
            (functions.decode)(self.handle.as_ptr(), &raw mut image, COLORSPACE_RGB, chroma, options.pointer())
        };
        let image = NonNull::new(image);
        // An image that comes with an error is released too.
        let image = image.map(|image| OwnedImage { library: self.library, image });
        fault_of(error)?;
        let image = image.ok_or(Fault::Damaged)?;
        // SAFETY: the handle is alive.
        let is_premultiplied = has_alpha && unsafe { (functions.handle_is_premultiplied)(self.handle.as_ptr()) != 0 };
        Pixels::new(image, has_alpha, is_premultiplied)
    }
}

impl Drop for Picture<'_> {
    fn drop(&mut self) {
        // SAFETY: the library gave it to this value alone.
        unsafe { (self.library.functions.handle_release)(self.handle.as_ptr()) };
    }
}

/// Options that ask for 8 bits.
struct Options {
    library: &'static Library,
    options: Option<NonNull<DecodingOptions>>,
}

impl Options {
    fn new(library: &'static Library) -> Self {
        // SAFETY: it takes nothing; what it gives is released with this value.
        let options = NonNull::new(unsafe { (library.functions.options_alloc)() });
        if let Some(mut options) = options {
            // SAFETY: nobody else knows of it yet, and it has the fields of its version.
            unsafe {
                if options.as_ref().version >= 2 {
                    options.as_mut().convert_hdr_to_8bit = 1;
                }
            }
        }
        Self { library, options }
    }

    fn pointer(&self) -> *const DecodingOptions {
        self.options.map_or(ptr::null(), |options| options.as_ptr().cast_const())
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        if let Some(options) = self.options {
            // SAFETY: it was allocated by this function's counterpart.
            unsafe { (self.library.functions.options_free)(options.as_ptr()) };
        }
    }
}

struct OwnedImage {
    library: &'static Library,
    image: NonNull<Image>,
}

impl Drop for OwnedImage {
    fn drop(&mut self) {
        // SAFETY: the library gave it to this value alone.
        unsafe { (self.library.functions.image_release)(self.image.as_ptr()) };
    }
}

/// A decoded picture: rows of samples of 8 bits.
pub struct Pixels {
    _image: OwnedImage,
    plane: NonNull<u8>,
    stride: usize,
    size: (u32, u32),
    has_alpha: bool,
    is_premultiplied: bool,
}

impl Pixels {
    fn new(image: OwnedImage, has_alpha: bool, is_premultiplied: bool) -> Result<Self, Fault> {
        let functions = &image.library.functions;
        let mut stride = 0;
        // SAFETY: the image is alive, and the place for the stride is valid.
        let (plane, sides) = unsafe {
            let image = image.image.as_ptr();
            let plane = (functions.plane)(image, CHANNEL_INTERLEAVED, &raw mut stride);
            (plane, [functions.image_width, functions.image_height].map(|side| side(image, CHANNEL_INTERLEAVED)))
        };
        let plane = NonNull::new(plane.cast_mut()).ok_or(Fault::Damaged)?;
        let [width, height] = sides.map(|side| u32::try_from(side).unwrap_or(0));
        let stride = usize::try_from(stride).unwrap_or(0);
        let samples = if has_alpha { 4 } else { 3 };
        let is_whole = (width as usize).checked_mul(samples).is_some_and(|row| row <= stride)
            && stride.checked_mul(height as usize).is_some_and(|bytes| bytes <= isize::MAX as usize);
        if width == 0 || height == 0 || !is_whole {
            return Err(Fault::Damaged);
        }
        Ok(Self { _image: image, plane, stride, size: (width, height), has_alpha, is_premultiplied })
    }

    /// Width and height.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Whether a pixel has four samples, the last of which is alpha.
    pub fn has_alpha(&self) -> bool {
        self.has_alpha
    }

    /// Whether alpha is premultiplied.
    pub fn is_premultiplied(&self) -> bool {
        self.is_premultiplied
    }

    /// The rows from top to bottom, with interleaved samples.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        let length = width * if self.has_alpha { 4 } else { 3 };
        (0..height).map(move |row| {
            // SAFETY: the plane has `height` rows of `stride` bytes, which are no fewer than `length`, and lives as long as the
            // image, which this value owns. All offsets are within `isize`.
            unsafe { std::slice::from_raw_parts(self.plane.as_ptr().add(row * self.stride), length) }
        })
    }
}

/// What an error of the library means.
fn fault_of(error: HeifError) -> Result<(), Fault> {
    const END_OF_DATA: c_int = 100;
    const NO_PICTURE: c_int = 124;
    const LIMIT: c_int = 1000;
    Err(match (error.code, error.subcode) {
        (0, _) => return Ok(()),
        (_, END_OF_DATA) => Fault::EndsEarly,
        (_, NO_PICTURE) => Fault::NoPicture,
        (_, LIMIT) | (6, _) => Fault::TooMuchMemory,
        (3 | 4, _) => Fault::Unsupported,
        _ => Fault::Damaged,
    })
}
