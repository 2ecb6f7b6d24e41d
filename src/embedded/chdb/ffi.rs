//! The C interface of libchdb, version 26.7 (`programs/local/chdb.h` in chdb-io/chdb-core).
//!
//! All `unsafe` code of the program is here. What leaves this module cannot be misused: a handle
//! is destroyed once, a connection runs one statement at a time, and nothing outlives its
//! connection.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    path::Path,
    ptr::NonNull,
    slice,
};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW, Symbol};

type RawConnection = *mut c_void;
type RawResult = *mut c_void;
type RawInsert = *mut c_void;

/// Success of the functions that return a `chdb_state`.
const CHDB_SUCCESS: c_int = 0;

macro_rules! symbols {
    ($($(#[$doc:meta])* $name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions of the library that are used, resolved once.
        pub(super) struct Symbols {
            $($(#[$doc])* $name: Symbol<unsafe extern "C" fn($($argument),*) $(-> $result)?>,)*
            // Last, so that it is unloaded after the symbols; in practice never (see `load`).
            _library: Library,
        }

        impl Symbols {
            /// Opens the library and resolves every function, without booting an engine.
            pub(super) fn load(path: &Path) -> Result<Self, libloading::Error> {
                // SAFETY: libchdb's initialisers set up allocators and tables of its own and
                // touch nothing of ours. The caller keeps the library loaded for good, since its
                // threads cannot be joined.
                let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL)? };
                Ok(Self {
                    $(
                        // SAFETY: the type is that of the declaration in chdb.h.
                        $name: unsafe { library.get(stringify!($name).as_bytes())? },
                    )*
                    _library: library,
                })
            }
        }
    };
}

symbols! {
    chdb_version: fn() -> *const c_char;
    chdb_set_signal_handlers_enabled: fn(c_int);
    chdb_connect: fn(c_int, *mut *mut c_char) -> *mut RawConnection;
    chdb_close_conn: fn(*mut RawConnection);
    chdb_query_with_params_n: fn(
        RawConnection, *const c_char, usize, *const c_char, usize,
        *const *const c_char, *const usize, *const *const c_char, *const usize, usize
    ) -> RawResult;
    chdb_stream_query_with_params_n: fn(
        RawConnection, *const c_char, usize, *const c_char, usize,
        *const *const c_char, *const usize, *const *const c_char, *const usize, usize
    ) -> RawResult;
    chdb_stream_fetch_result: fn(RawConnection, RawResult) -> RawResult;
    chdb_stream_cancel_query: fn(RawConnection, RawResult);
    chdb_destroy_query_result: fn(RawResult);
    chdb_stream_insert_with_params_n: fn(
        RawConnection, *const c_char, usize, *const c_char, usize,
        *const *const c_char, *const usize, *const *const c_char, *const usize, usize
    ) -> RawInsert;
    chdb_stream_append: fn(RawInsert, *const c_void, usize) -> c_int;
    chdb_stream_done: fn(RawInsert) -> RawResult;
    chdb_stream_insert_error: fn(RawInsert) -> *const c_char;
    chdb_destroy_insert_stream: fn(RawInsert);
    chdb_result_buffer: fn(RawResult) -> *mut c_char;
    chdb_result_length: fn(RawResult) -> usize;
    chdb_result_elapsed: fn(RawResult) -> f64;
    chdb_result_rows_read: fn(RawResult) -> u64;
    chdb_result_bytes_read: fn(RawResult) -> u64;
    chdb_result_storage_rows_read: fn(RawResult) -> u64;
    chdb_result_storage_bytes_read: fn(RawResult) -> u64;
    chdb_result_rows_written: fn(RawResult) -> u64;
    chdb_result_bytes_written: fn(RawResult) -> u64;
    chdb_result_error: fn(RawResult) -> *const c_char;
    chdb_classify_query_n: fn(
        RawConnection, *const c_char, usize, *const c_char, usize, *mut RawAnalysis
    ) -> c_int;
}

/// `chdb_query_analysis_v1`.
#[repr(C)]
struct RawAnalysis {
    struct_size: u32,
    statement_count: u32,
    flags: u32,
    query_class: u32,
}

impl Symbols {
    /// The library's own version, such as `26.7.0`.
    pub(super) fn version(&self) -> String {
        // SAFETY: the function takes nothing and returns a static, NUL-terminated text.
        unsafe { text((self.chdb_version)()) }.unwrap_or_default()
    }

    /// Keeps the engine from installing signal handlers; must come before the first connection.
    pub(super) fn disable_signal_handlers(&self) {
        // SAFETY: the function only sets a flag inside the library.
        unsafe { (self.chdb_set_signal_handlers_enabled)(0) };
    }
}

/// A named value bound to a `{name:Type}` placeholder; the value is text in ClickHouse's own
/// escaping, as in the `param_*` arguments of its HTTP interface.
pub type Parameter = (String, Vec<u8>);

/// The parallel arrays in which the library takes parameters.
struct ParameterArrays {
    names: Vec<*const c_char>,
    name_lengths: Vec<usize>,
    values: Vec<*const c_char>,
    value_lengths: Vec<usize>,
}

impl ParameterArrays {
    /// The arrays point into `parameters`, which must outlive the call they are used in.
    fn new(parameters: &[Parameter]) -> Self {
        Self {
            names: parameters
                .iter()
                .map(|(name, _)| name.as_ptr().cast())
                .collect(),
            name_lengths: parameters.iter().map(|(name, _)| name.len()).collect(),
            values: parameters
                .iter()
                .map(|(_, value)| value.as_ptr().cast())
                .collect(),
            value_lengths: parameters.iter().map(|(_, value)| value.len()).collect(),
        }
    }
}

/// Calls one of the three functions that take a statement, a format and parameters.
macro_rules! call_with_statement {
    ($handle:expr, $function:ident, $sql:expr, $format:expr, $parameters:expr) => {{
        let arrays = ParameterArrays::new($parameters);
        // SAFETY: the connection is open and `&mut` keeps every other statement off it; all
        // pointers are valid for the lengths beside them until the call returns, and the library
        // copies what it keeps.
        unsafe {
            ($handle.symbols.$function)(
                $handle.connection(),
                $sql.as_ptr().cast(),
                $sql.len(),
                $format.as_ptr().cast(),
                $format.len(),
                arrays.names.as_ptr(),
                arrays.name_lengths.as_ptr(),
                arrays.values.as_ptr(),
                arrays.value_lengths.as_ptr(),
                $parameters.len(),
            )
        }
    }};
}

/// An open connection.
pub(super) struct ConnectionHandle {
    symbols: &'static Symbols,
    raw: NonNull<RawConnection>,
}

// SAFETY: the library binds a connection to no thread; it only asks that its calls do not
// overlap, which `&mut self` on every method ensures.
unsafe impl Send for ConnectionHandle {}

impl ConnectionHandle {
    /// Opens a connection with command-line arguments as `clickhouse local` takes them; the first
    /// one of the process boots the engine. `None` when the engine refuses.
    pub(super) fn open(symbols: &'static Symbols, arguments: &[CString]) -> Option<Self> {
        let mut argv: Vec<*mut c_char> = [c"telemetry"]
            .into_iter()
            .chain(arguments.iter().map(CString::as_c_str))
            .map(|argument| argument.as_ptr().cast_mut())
            .collect();
        let count = c_int::try_from(argv.len()).ok()?;
        // SAFETY: `argv` holds `count` NUL-terminated texts that live until the call returns; the
        // library parses a copy and writes to none of them.
        let raw = unsafe { (symbols.chdb_connect)(count, argv.as_mut_ptr()) };
        NonNull::new(raw).map(|raw| Self { symbols, raw })
    }

    fn connection(&self) -> RawConnection {
        // SAFETY: the pointer came from `chdb_connect` and is valid until `drop`.
        unsafe { *self.raw.as_ptr() }
    }

    /// The number of statements in a text, and the value of `chdb_query_class` for them.
    pub(super) fn classify(&mut self, sql: &[u8]) -> Option<(u32, u32)> {
        const SIZE: usize = size_of::<RawAnalysis>();
        let mut analysis = RawAnalysis {
            struct_size: u32::try_from(SIZE).expect("sixteen bytes"),
            statement_count: 0,
            flags: 0,
            query_class: 0,
        };
        // SAFETY: the connection is open and `&mut` keeps every other call off it; `sql` is valid
        // for its length, no target database is given, and `analysis` has the size that it says.
        let state = unsafe {
            (self.symbols.chdb_classify_query_n)(
                self.connection(),
                sql.as_ptr().cast(),
                sql.len(),
                std::ptr::null(),
                0,
                &raw mut analysis,
            )
        };
        (state == CHDB_SUCCESS).then_some((analysis.statement_count, analysis.query_class))
    }

    pub(super) fn query(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[Parameter],
    ) -> ResultHandle {
        let raw = call_with_statement!(self, chdb_query_with_params_n, sql, format, parameters);
        ResultHandle {
            symbols: self.symbols,
            raw,
        }
    }

    pub(super) fn stream(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[Parameter],
    ) -> StreamHandle<'_> {
        let raw = call_with_statement!(
            self,
            chdb_stream_query_with_params_n,
            sql,
            format,
            parameters
        );
        StreamHandle {
            result: ResultHandle {
                symbols: self.symbols,
                raw,
            },
            connection: self,
        }
    }

    pub(super) fn insert(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[Parameter],
    ) -> InsertHandle<'_> {
        let raw = call_with_statement!(
            self,
            chdb_stream_insert_with_params_n,
            sql,
            format,
            parameters
        );
        InsertHandle {
            raw,
            connection: self,
        }
    }
}

impl Drop for ConnectionHandle {
    fn drop(&mut self) {
        // SAFETY: opened by `chdb_connect`, closed once; streams borrow the connection, so none
        // is open.
        unsafe { (self.symbols.chdb_close_conn)(self.raw.as_ptr()) };
    }
}

/// What a statement answered, or one chunk of it.
pub(super) struct ResultHandle {
    symbols: &'static Symbols,
    raw: RawResult,
}

// SAFETY: a result is a plain buffer with counters; no thread owns it.
unsafe impl Send for ResultHandle {}

macro_rules! counters {
    ($($name:ident = $function:ident -> $type:ty;)*) => {
        $(pub(super) fn $name(&self) -> $type {
            if self.raw.is_null() {
                return Default::default();
            }
            // SAFETY: the result is live; the function only reads it.
            unsafe { (self.symbols.$function)(self.raw) }
        })*
    };
}

impl ResultHandle {
    counters! {
        elapsed_seconds = chdb_result_elapsed -> f64;
        rows = chdb_result_rows_read -> u64;
        bytes = chdb_result_bytes_read -> u64;
        rows_scanned = chdb_result_storage_rows_read -> u64;
        bytes_scanned = chdb_result_storage_bytes_read -> u64;
        rows_written = chdb_result_rows_written -> u64;
        bytes_written = chdb_result_bytes_written -> u64;
    }

    /// The engine's exception, if the statement failed.
    pub(super) fn error(&self) -> Option<String> {
        if self.raw.is_null() {
            return Some("the engine gave no answer".into());
        }
        // SAFETY: the result is live and owns the text.
        unsafe { text((self.symbols.chdb_result_error)(self.raw)) }
    }

    /// The formatted answer.
    pub(super) fn data(&self) -> &[u8] {
        if self.raw.is_null() {
            return &[];
        }
        // SAFETY: the result is live; both functions only read it.
        let (start, length) = unsafe {
            (
                (self.symbols.chdb_result_buffer)(self.raw),
                (self.symbols.chdb_result_length)(self.raw),
            )
        };
        if start.is_null() || length == 0 {
            return &[];
        }
        // SAFETY: the buffer holds `length` bytes and lives as long as the result, which the
        // returned slice borrows.
        unsafe { slice::from_raw_parts(start.cast(), length) }
    }
}

impl Drop for ResultHandle {
    fn drop(&mut self) {
        if !self.raw.is_null() {
            // SAFETY: destroyed once; no borrow of its buffer is left.
            unsafe { (self.symbols.chdb_destroy_query_result)(self.raw) };
        }
    }
}

/// A query under way, whose answer is fetched in chunks. Dropped early, it is cancelled.
pub(super) struct StreamHandle<'c> {
    result: ResultHandle,
    connection: &'c mut ConnectionHandle,
}

impl StreamHandle<'_> {
    /// Why the query did not begin.
    pub(super) fn error(&self) -> Option<String> {
        self.result.error()
    }

    /// The next chunk; empty and without an error at the end.
    pub(super) fn fetch(&mut self) -> ResultHandle {
        // SAFETY: the stream belongs to this connection and both are borrowed exclusively.
        let raw = unsafe {
            (self.result.symbols.chdb_stream_fetch_result)(
                self.connection.connection(),
                self.result.raw,
            )
        };
        ResultHandle {
            symbols: self.result.symbols,
            raw,
        }
    }
}

impl Drop for StreamHandle<'_> {
    fn drop(&mut self) {
        if !self.result.raw.is_null() && self.result.error().is_none() {
            // SAFETY: as in `fetch`. Cancelling a stream that has ended does nothing.
            unsafe {
                (self.result.symbols.chdb_stream_cancel_query)(
                    self.connection.connection(),
                    self.result.raw,
                );
            }
        }
    }
}

/// An insert under way. Dropped before it is finished, it is cancelled.
pub(super) struct InsertHandle<'c> {
    raw: RawInsert,
    connection: &'c mut ConnectionHandle,
}

impl InsertHandle<'_> {
    /// Why the insert did not begin, or failed since.
    pub(super) fn error(&self) -> Option<String> {
        // SAFETY: the stream is live and owns the text.
        unsafe { text((self.connection.symbols.chdb_stream_insert_error)(self.raw)) }
    }

    /// Gives one piece of the input to the engine, which may block; `false` when it failed.
    pub(super) fn append(&mut self, data: &[u8]) -> bool {
        // SAFETY: the stream is live and borrowed exclusively; the bytes are copied.
        let state = unsafe {
            (self.connection.symbols.chdb_stream_append)(self.raw, data.as_ptr().cast(), data.len())
        };
        state == CHDB_SUCCESS
    }

    /// Ends the input and commits.
    pub(super) fn finish(&mut self) -> ResultHandle {
        let symbols = self.connection.symbols;
        // SAFETY: the stream is live and borrowed exclusively.
        let raw = unsafe { (symbols.chdb_stream_done)(self.raw) };
        ResultHandle { symbols, raw }
    }
}

impl Drop for InsertHandle<'_> {
    fn drop(&mut self) {
        // SAFETY: destroyed once. The library cancels a stream that was not finished.
        unsafe { (self.connection.symbols.chdb_destroy_insert_stream)(self.raw) };
    }
}

/// Ends the process without its exit handlers.
pub(super) fn exit(status: u8) -> ! {
    unsafe extern "C" {
        fn _exit(status: c_int) -> !;
    }
    // SAFETY: `_exit` of POSIX takes any status and does not return.
    unsafe { _exit(c_int::from(status)) }
}

/// Ends a process of tests, whose `main` is not ours, without the exit handlers of the engine's
/// library.
///
/// The library registers one whenever it first needs what that cleans up, even on threads of its
/// own, and the last to be registered comes first. So ours is registered when the exit has begun:
/// by what is dropped with the main thread, which glibc does before it calls any handler.
#[cfg(all(test, target_os = "linux"))]
mod end_of_tests {
    use std::ffi::{c_int, c_void};

    struct MainThread;

    thread_local! {
        static MAIN_THREAD: MainThread = const { MainThread };
    }

    impl Drop for MainThread {
        fn drop(&mut self) {
            unsafe extern "C" {
                fn on_exit(
                    handler: extern "C" fn(c_int, *mut c_void),
                    argument: *mut c_void,
                ) -> c_int;
            }
            extern "C" fn end(status: c_int, _: *mut c_void) {
                super::exit(u8::try_from(status).unwrap_or(1));
            }
            // SAFETY: `on_exit` of glibc takes any function of this type, and ours does not unwind.
            unsafe { on_exit(end, std::ptr::null_mut()) };
        }
    }

    /// Called on the main thread before `main`.
    extern "C" fn begin() {
        MAIN_THREAD.with(|_| ());
    }

    // SAFETY: the loader calls functions of this type from there.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static BEGIN: extern "C" fn() = begin;

    /// Registers an exit handler that aborts the process.
    pub fn abort_at_exit() {
        unsafe extern "C" {
            fn atexit(handler: extern "C" fn()) -> c_int;
        }
        extern "C" fn abort() {
            std::process::abort();
        }
        // SAFETY: `atexit` of C takes any function of this type, and ours does not unwind.
        assert_eq!(unsafe { atexit(abort) }, 0, "it is registered");
    }
}

#[cfg(all(test, target_os = "linux"))]
pub(super) use end_of_tests::abort_at_exit;

/// A copy of a C text; `None` for NULL.
///
/// # Safety
/// `start` is NULL or points to a NUL-terminated text that lives until this returns.
unsafe fn text(start: *const c_char) -> Option<String> {
    // SAFETY: the caller's promise.
    (!start.is_null()).then(|| {
        unsafe { CStr::from_ptr(start) }
            .to_string_lossy()
            .into_owned()
    })
}
