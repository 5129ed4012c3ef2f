//! The few functions of libheif that are used, as its header `heif.h` declares them for version 1.12 and later.

use std::ffi::{c_char, c_int, c_void};

use libloading::Library;

/// `struct heif_error`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct HeifError {
    pub(crate) code: c_int,
    pub(crate) subcode: c_int,
    message: *const c_char,
}

/// The first fields of `struct heif_decoding_options`, of which only the library makes whole ones.
#[repr(C)]
pub(crate) struct DecodingOptions {
    pub(crate) version: u8,
    ignore_transformations: u8,
    progress: [Option<unsafe extern "C" fn()>; 3],
    progress_user_data: *mut c_void,
    /// From version 2 on.
    pub(crate) convert_hdr_to_8bit: u8,
}

/// The first fields of `struct heif_security_limits`, likewise.
#[repr(C)]
pub(crate) struct SecurityLimits {
    pub(crate) version: u8,
    pub(crate) max_image_size_pixels: u64,
    max_number_of_tiles: u64,
    max_bayer_pattern_pixels: u32,
    max_items: u32,
    max_color_profile_size: u32,
    pub(crate) max_memory_block_size: u64,
}

/// The first fields of `struct heif_color_profile_nclx`, which only the library makes.
#[repr(C)]
pub(crate) struct CodedColours {
    version: u8,
    pub(crate) primaries: c_int,
    pub(crate) transfer: c_int,
}

/// Things of the library that are known by their addresses only.
macro_rules! opaque {
    ($($name:ident)*) => {
        $(
            #[repr(C)]
            pub(crate) struct $name {
                _private: [u8; 0],
            }
        )*
    };
}
opaque!(Context Handle Image);

pub(crate) const COLORSPACE_RGB: c_int = 1;
pub(crate) const CHROMA_INTERLEAVED_RGB: c_int = 10;
pub(crate) const CHROMA_INTERLEAVED_RGBA: c_int = 11;
pub(crate) const CHANNEL_INTERLEAVED: c_int = 10;
pub(crate) const COMPRESSION_HEVC: c_int = 1;
pub(crate) const COMPRESSION_AV1: c_int = 4;

/// Declares the table of functions and loads it from a library; those after `optional` are not in every version.
macro_rules! functions {
    (
        required { $($name:ident = $symbol:literal: fn($($argument:ty),*) $(-> $result:ty)?;)* }
        optional { $($late:ident = $late_symbol:literal: fn($($late_argument:ty),*) $(-> $late_result:ty)?;)* }
    ) => {
        pub(crate) struct Functions {
            $(pub(crate) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
            $(pub(crate) $late: Option<unsafe extern "C" fn($($late_argument),*) $(-> $late_result)?>,)*
        }

        impl Functions {
            /// `None` if one is missing.
            ///
            /// # Safety
            /// The library has to be libheif 1, and must not be unloaded while the functions are in use.
            pub(crate) unsafe fn of(library: &Library) -> Option<Self> {
                Some(Self {
                    // SAFETY: the types are those of the header, which version 1 of the library keeps.
                    $($name: *unsafe { library.get($symbol) }.ok()?,)*
                    // SAFETY: as above.
                    $($late: unsafe { library.get($late_symbol) }.ok().map(|symbol| *symbol),)*
                })
            }
        }
    };
}

functions! {
    required {
        have_decoder = b"heif_have_decoder_for_format\0": fn(c_int) -> c_int;
        context_alloc = b"heif_context_alloc\0": fn() -> *mut Context;
        context_free = b"heif_context_free\0": fn(*mut Context);
        set_maximum_side = b"heif_context_set_maximum_image_size_limit\0": fn(*mut Context, c_int);
        read_without_copy = b"heif_context_read_from_memory_without_copy\0":
            fn(*mut Context, *const c_void, usize, *const c_void) -> HeifError;
        primary = b"heif_context_get_primary_image_handle\0": fn(*mut Context, *mut *mut Handle) -> HeifError;
        handle_release = b"heif_image_handle_release\0": fn(*const Handle);
        handle_width = b"heif_image_handle_get_width\0": fn(*const Handle) -> c_int;
        handle_height = b"heif_image_handle_get_height\0": fn(*const Handle) -> c_int;
        handle_has_alpha = b"heif_image_handle_has_alpha_channel\0": fn(*const Handle) -> c_int;
        handle_is_premultiplied = b"heif_image_handle_is_premultiplied_alpha\0": fn(*const Handle) -> c_int;
        handle_bits = b"heif_image_handle_get_luma_bits_per_pixel\0": fn(*const Handle) -> c_int;
        thumbnail_ids = b"heif_image_handle_get_list_of_thumbnail_IDs\0": fn(*const Handle, *mut u32, c_int) -> c_int;
        thumbnail = b"heif_image_handle_get_thumbnail\0": fn(*const Handle, u32, *mut *mut Handle) -> HeifError;
        profile_size = b"heif_image_handle_get_raw_color_profile_size\0": fn(*const Handle) -> usize;
        profile = b"heif_image_handle_get_raw_color_profile\0": fn(*const Handle, *mut c_void) -> HeifError;
        coded_colours = b"heif_image_handle_get_nclx_color_profile\0":
            fn(*const Handle, *mut *mut CodedColours) -> HeifError;
        coded_colours_free = b"heif_nclx_color_profile_free\0": fn(*mut CodedColours);
        options_alloc = b"heif_decoding_options_alloc\0": fn() -> *mut DecodingOptions;
        options_free = b"heif_decoding_options_free\0": fn(*mut DecodingOptions);
        decode = b"heif_decode_image\0":
            fn(*const Handle, *mut *mut Image, c_int, c_int, *const DecodingOptions) -> HeifError;
        image_release = b"heif_image_release\0": fn(*const Image);
        image_width = b"heif_image_get_width\0": fn(*const Image, c_int) -> c_int;
        image_height = b"heif_image_get_height\0": fn(*const Image, c_int) -> c_int;
        plane = b"heif_image_get_plane_readonly\0": fn(*const Image, c_int, *mut c_int) -> *const u8;
    }
    optional {
        init = b"heif_init\0": fn(*const c_void) -> HeifError;
        set_threads = b"heif_context_set_max_decoding_threads\0": fn(*mut Context, c_int);
        security_limits = b"heif_context_get_security_limits\0": fn(*const Context) -> *mut SecurityLimits;
        stored_width = b"heif_image_handle_get_ispe_width\0": fn(*const Handle) -> c_int;
        stored_height = b"heif_image_handle_get_ispe_height\0": fn(*const Handle) -> c_int;
    }
}
