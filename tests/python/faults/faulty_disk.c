/* A disk that fails at will, for a program that is started with this library in LD_PRELOAD.
 *
 * FAULTY_DISK names a folder; only files below FAULTY_DATA are touched. While the folder holds a file `sync`, one sync of 25 fails
 * (EIO). While it holds `full`, nothing more can be written (ENOSPC), and every other time a part of what was to be written is
 * there all the same, as it is when a disk fills up in the middle of a write.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_uint syncs, writes;

static int is_there(const char *name) {
    const char *folder = getenv("FAULTY_DISK");
    char path[PATH_MAX];
    if (!folder || snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return 0;
    return access(path, F_OK) == 0;
}

static int is_data(int fd) {
    const char *data = getenv("FAULTY_DATA");
    char link[64], path[PATH_MAX];
    if (!data) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, data, strlen(data)) == 0;
}

static int fails_sync(int fd) {
    return is_there("sync") && is_data(fd) && atomic_fetch_add(&syncs, 1) % 25 == 24;
}

/* The function that is stood before. */
#define REAL(name, result, ...) static result (*real)(__VA_ARGS__); if (!real) *(void **)&real = dlsym(RTLD_NEXT, name)

int fdatasync(int fd) {
    REAL("fdatasync", int, int);
    int saved = errno;
    if (fails_sync(fd)) { errno = EIO; return -1; }
    errno = saved;
    return real(fd);
}

int fsync(int fd) {
    REAL("fsync", int, int);
    int saved = errno;
    if (fails_sync(fd)) { errno = EIO; return -1; }
    errno = saved;
    return real(fd);
}

/* How much of a write of so many bytes comes through: all of it, a part, or -1 for nothing. */
static ssize_t room(int fd, size_t bytes) {
    if (!is_there("full") || !is_data(fd)) return (ssize_t)bytes;
    return atomic_fetch_add(&writes, 1) % 2 && bytes > 1 ? (ssize_t)(bytes / 2) : -1;
}

ssize_t write(int fd, const void *from, size_t bytes) {
    REAL("write", ssize_t, int, const void *, size_t);
    int saved = errno;
    ssize_t some = room(fd, bytes);
    if (some < 0) { errno = ENOSPC; return -1; }
    errno = saved;
    return real(fd, from, (size_t)some);
}

static ssize_t pwrite_some(int fd, const void *from, size_t bytes, off64_t at) {
    REAL("pwrite64", ssize_t, int, const void *, size_t, off64_t);
    int saved = errno;
    ssize_t some = room(fd, bytes);
    if (some < 0) { errno = ENOSPC; return -1; }
    errno = saved;
    return real(fd, from, (size_t)some, at);
}

ssize_t pwrite64(int fd, const void *from, size_t bytes, off64_t at) { return pwrite_some(fd, from, bytes, at); }
ssize_t pwrite(int fd, const void *from, size_t bytes, off_t at) { return pwrite_some(fd, from, bytes, at); }

ssize_t writev(int fd, const struct iovec *from, int count) {
    REAL("writev", ssize_t, int, const struct iovec *, int);
    int saved = errno;
    if (room(fd, 1) < 0) { errno = ENOSPC; return -1; }
    errno = saved;
    return real(fd, from, count);
}
