/*
 * A disk that fails, fills up, or goes away: loaded into a process with LD_PRELOAD.
 *
 * System calls that change files below one directory are counted. At a chosen one something goes wrong. A seccomp filter
 * turns the calls into signals, so that calls are seen that do not go through the C library: some Rust crates make system
 * calls of their own.
 *
 * The environment says what happens:
 *   SHIM_DIR    the directory, an absolute path without links
 *   SHIM_LOG    a file, outside of it, that gets a line for each call: number, name, 1 if it succeeded, inode, path, and the
 *               new path, separated by tabs
 *   SHIM_KEEP   a directory, outside but on the same file system, that gets links to files that are replaced or removed,
 *               named by the number of the call
 *   SHIM_FAULT  what goes wrong: "eio" (once), "full" (no space from then on), "short" (half of a write, then no space),
 *               "eintr" (once, where a call may be interrupted)
 *   SHIM_AT     the number of the call where it does
 *   SHIM_CUT    the number of the call at which the process ends, with status 77; half of it may be done by then
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

enum { CUT_STATUS = 77, UNSUPPORTED_STATUS = 78, PATH_BYTES = 4096 };

/* ---- System calls that the filter lets through: those that are made here. ---- */

long shim_raw(long number, long a, long b, long c, long d, long e, long f);
extern char shim_raw_return[];

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#define NUMBER(context) ((context)->uc_mcontext.gregs[REG_RAX])
#define RESULT(context) ((context)->uc_mcontext.gregs[REG_RAX])
__asm__(".text\n.globl shim_raw\nshim_raw:\n"
        "mov %rdi, %rax\nmov %rsi, %rdi\nmov %rdx, %rsi\nmov %rcx, %rdx\nmov %r8, %r10\nmov %r9, %r8\nmov 8(%rsp), %r9\n"
        "syscall\n.globl shim_raw_return\nshim_raw_return:\nret\n");
static void arguments(const ucontext_t *context, long out[6]) {
    const int registers[6] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};
    for (int i = 0; i < 6; i++) out[i] = context->uc_mcontext.gregs[registers[i]];
}
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#define NUMBER(context) ((context)->uc_mcontext.regs[8])
#define RESULT(context) ((context)->uc_mcontext.regs[0])
__asm__(".text\n.globl shim_raw\nshim_raw:\n"
        "mov x8, x0\nmov x0, x1\nmov x1, x2\nmov x2, x3\nmov x3, x4\nmov x4, x5\nmov x5, x6\n"
        "svc #0\n.globl shim_raw_return\nshim_raw_return:\nret\n");
static void arguments(const ucontext_t *context, long out[6]) {
    for (int i = 0; i < 6; i++) out[i] = context->uc_mcontext.regs[i];
}
#else
#error "system calls of this processor are not known here"
#endif

#define RAW(number, ...) RAW_(number, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define RAW_(number, a, b, c, d, e, f, ...) \
    shim_raw(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* ---- The calls that are looked at. ---- */

static const int TRAPPED[] = {
#ifdef __NR_open
    __NR_open, __NR_creat, __NR_rename, __NR_link, __NR_unlink, __NR_mkdir, __NR_rmdir,
#endif
#ifdef __NR_renameat
    __NR_renameat,
#endif
    __NR_openat, __NR_renameat2, __NR_linkat, __NR_unlinkat, __NR_mkdirat, __NR_write, __NR_writev, __NR_pwrite64,
    __NR_pwritev, __NR_copy_file_range, __NR_sendfile, __NR_ftruncate, __NR_fallocate, __NR_fsync, __NR_fdatasync,
};
enum { TRAPS = sizeof TRAPPED / sizeof TRAPPED[0] };

static const char *dir, *fault = "", *keep;
static long at, cut, count;
static int log_file = -1;
static int busy;

static void lock(void) {
    while (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE)) RAW(__NR_sched_yield, 0);
}

static void unlock(void) { __atomic_store_n(&busy, 0, __ATOMIC_RELEASE); }

/* The path of an open file; empty if it has none. */
static void path_of(long fd, char *out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%ld", fd);
    long length = RAW(__NR_readlinkat, AT_FDCWD, link, out, PATH_BYTES - 1);
    out[length > 0 ? length : 0] = 0;
}

/* The path of a name in a directory that is open. */
static void resolve(long fd, long name, char *out) {
    const char *text = (const char *)name;
    if (text[0] == '/' || (int)fd == AT_FDCWD) {
        snprintf(out, PATH_BYTES, "%s", text);
        return;
    }
    path_of(fd, out);
    size_t length = strlen(out);
    snprintf(out + length, PATH_BYTES - length, "/%s", text);
}

static int is_below(const char *path) {
    size_t length = strlen(dir);
    return !strncmp(path, dir, length) && (path[length] == '/' || !path[length]);
}

static unsigned long inode(long fd) {
    struct stat found;
    return RAW(__NR_fstat, fd, &found) ? 0 : found.st_ino;
}

static unsigned long inode_at(const char *path) {
    struct stat found;
    return RAW(__NR_newfstatat, AT_FDCWD, path, &found, AT_SYMLINK_NOFOLLOW) ? 0 : found.st_ino;
}

static void keep_link(const char *path) {
    char link[PATH_BYTES];
    if (!keep) return;
    snprintf(link, sizeof link, "%s/%ld", keep, count);
    RAW(__NR_linkat, AT_FDCWD, path, AT_FDCWD, link, 0);
}

struct call {
    const char *name;
    char path[PATH_BYTES], to[PATH_BYTES];
    /* Of a file that is written to. */
    long fd;
    /* Takes space; may be interrupted by a signal. */
    int takes_space, interruptible;
    /* Bytes to be written. */
    size_t bytes;
};

/* What a call is about; 0 if it is of no interest. */
static int describe(long number, const long a[6], struct call *call) {
    memset(call, 0, offsetof(struct call, path));
    call->to[0] = 0;
    call->fd = -1;
    call->takes_space = call->interruptible = 0;
    call->bytes = 0;
    switch (number) {
#ifdef __NR_open
    case __NR_open:
    case __NR_creat: {
        long flags = number == __NR_creat ? O_CREAT : a[1];
        if (!(flags & (O_CREAT | O_TRUNC))) return 0;
        resolve(AT_FDCWD, a[0], call->path);
        call->name = "create";
        break;
    }
    case __NR_rename:
        resolve(AT_FDCWD, a[0], call->path);
        resolve(AT_FDCWD, a[1], call->to);
        call->name = "rename";
        break;
    case __NR_link:
        resolve(AT_FDCWD, a[0], call->path);
        resolve(AT_FDCWD, a[1], call->to);
        call->name = "link";
        break;
    case __NR_unlink:
        resolve(AT_FDCWD, a[0], call->path);
        call->name = "unlink";
        break;
    case __NR_mkdir:
        resolve(AT_FDCWD, a[0], call->path);
        call->name = "mkdir";
        break;
    case __NR_rmdir:
        resolve(AT_FDCWD, a[0], call->path);
        call->name = "rmdir";
        break;
#endif
    case __NR_openat:
        if (!(a[2] & (O_CREAT | O_TRUNC))) return 0;
        resolve(a[0], a[1], call->path);
        call->name = "create";
        break;
#ifdef __NR_renameat
    case __NR_renameat:
#endif
    case __NR_renameat2:
        resolve(a[0], a[1], call->path);
        resolve(a[2], a[3], call->to);
        call->name = "rename";
        break;
    case __NR_linkat:
        resolve(a[0], a[1], call->path);
        resolve(a[2], a[3], call->to);
        call->name = "link";
        break;
    case __NR_unlinkat:
        resolve(a[0], a[1], call->path);
        call->name = a[2] & AT_REMOVEDIR ? "rmdir" : "unlink";
        break;
    case __NR_mkdirat:
        resolve(a[0], a[1], call->path);
        call->name = "mkdir";
        break;
    case __NR_fsync:
    case __NR_fdatasync:
        call->fd = a[0];
        call->name = "sync";
        break;
    default:
        call->fd = number == __NR_copy_file_range ? a[2] : a[0];
        call->name = "write";
        call->takes_space = 1;
        if (number == __NR_write || number == __NR_pwrite64) call->bytes = (size_t)a[2];
        if (number == __NR_writev && a[2] > 0) call->bytes = ((const struct iovec *)a[1])->iov_len;
    }
    if (call->fd >= 0) {
        path_of(call->fd, call->path);
        call->interruptible = 1;
    }
    if (!strcmp(call->name, "create")) call->takes_space = call->interruptible = 1;
    if (!strcmp(call->name, "mkdir") || !strcmp(call->name, "link")) call->takes_space = 1;
    return is_below(call->path) || is_below(call->to);
}

/* Half of a write; nothing of any other call. */
static long half(long number, const long a[6], size_t bytes) {
    if (bytes < 2) return -ENOSPC;
    if (number == __NR_pwrite64) return RAW(__NR_pwrite64, a[0], a[1], bytes / 2, a[3]);
    const void *from = number == __NR_writev ? ((const struct iovec *)a[1])->iov_base : (const void *)a[1];
    return RAW(__NR_write, a[0], from, bytes / 2);
}

static long perform(long number, const long a[6], struct call *call) {
    if (count == cut) {
        half(number, a, call->bytes);
        RAW(__NR_exit_group, CUT_STATUS);
    }
    if (at && count == at && !strcmp(fault, "eio")) return -EIO;
    if (at && count == at && !strcmp(fault, "eintr") && call->interruptible) return -EINTR;
    if (at && count == at && !strcmp(fault, "short") && call->bytes > 1) return half(number, a, call->bytes);
    int is_full = at && count >= at && (!strcmp(fault, "full") || !strcmp(fault, "short"));
    if (is_full && call->takes_space) return -ENOSPC;
    if (!strcmp(call->name, "rename")) keep_link(call->to);
    if (!strcmp(call->name, "unlink")) keep_link(call->path);
    return shim_raw(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void on_call(int signal, siginfo_t *info, void *opaque) {
    (void)signal;
    ucontext_t *context = opaque;
    int saved = errno;
    long a[6], number = info->si_syscall;
    static struct call call;
    static char line[3 * PATH_BYTES];
    arguments(context, a);
    lock();
    if (!describe(number, a, &call)) {
        unlock();
        /* Outside of the lock: it may take long, on a pipe for instance. */
        RESULT(context) = shim_raw(number, a[0], a[1], a[2], a[3], a[4], a[5]);
        errno = saved;
        return;
    }
    count++;
    int is_creation = !strcmp(call.name, "create");
    int existed = is_creation && inode_at(call.path);
    long result = perform(number, a, &call);
    if (log_file >= 0) {
        unsigned long found = call.fd >= 0 ? inode(call.fd) : inode_at(call.to[0] ? call.to : call.path);
        /* Opening what is there creates nothing, but may cut it off. */
        const char *name = existed ? "write" : call.name;
        long length = snprintf(line, sizeof line, "%ld\t%s\t%d\t%lu\t%s\t%s\n", count, name, result >= 0, found, call.path,
                               call.to);
        RAW(__NR_write, log_file, line, length);
    }
    unlock();
    RESULT(context) = result;
    errno = saved;
}

static void unsupported(const char *what) {
    fprintf(stderr, "%s is not possible here: %s\n", what, strerror(errno));
    _exit(UNSUPPORTED_STATUS);
}

static long number_of(const char *name) {
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

__attribute__((constructor)) static void start(void) {
    dir = getenv("SHIM_DIR");
    if (!dir) return;
    keep = getenv("SHIM_KEEP");
    if (getenv("SHIM_FAULT")) fault = getenv("SHIM_FAULT");
    at = number_of("SHIM_AT");
    cut = number_of("SHIM_CUT");
    if (!cut) cut = -1;
    const char *log = getenv("SHIM_LOG");
    if (log) log_file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_RESTART};
    if (sigaction(SIGSYS, &action, NULL)) unsupported("a signal handler");

    uint64_t here = (uint64_t)(uintptr_t)shim_raw_return;
    struct sock_filter filter[8 + 2 * TRAPS + 1];
    size_t n = 0;
#define LOAD(field) (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (field))
#define SKIP_UNLESS(value, skipped) (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skipped))
#define RETURN(what) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, (what))
    /* The low half of a field comes first: both processors are little-endian. */
    filter[n++] = LOAD(offsetof(struct seccomp_data, instruction_pointer));
    filter[n++] = SKIP_UNLESS((uint32_t)here, 3);
    filter[n++] = LOAD(offsetof(struct seccomp_data, instruction_pointer) + 4);
    filter[n++] = SKIP_UNLESS((uint32_t)(here >> 32), 1);
    filter[n++] = RETURN(SECCOMP_RET_ALLOW);
    filter[n++] = LOAD(offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < TRAPS; i++) {
        filter[n++] = SKIP_UNLESS((uint32_t)TRAPPED[i], 1);
        filter[n++] = RETURN(SECCOMP_RET_TRAP);
    }
    filter[n++] = RETURN(SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = (unsigned short)n, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) unsupported("giving up privileges");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) unsupported("a filter for system calls");
}
