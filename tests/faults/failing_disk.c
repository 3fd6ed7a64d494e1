/* A disk that fails when tests want it to: the next write or sync of one kind of file, of a process under LD_PRELOAD.
   The file named by FAILING_DISK_FILE says which (see failing_disk.py): what fails next, 0 for nothing; the errno; how
   often it has failed. A write that fails has written half of its octets, as one that is torn. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NEXT, ERRNO, FAILED };
enum { WRITE = 0, SYNC = 1 };
enum { OTHER = 1, DATABASE, WAL, BLOB, KEYS, FOLDER };

static int64_t *control;
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void begin(void) {
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  const char *path = getenv("FAILING_DISK_FILE");
  int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
  void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, 3 * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) {
    static const char said[] = "FAILING_DISK_FILE cannot be opened\n";
    (void)!real_write(2, said, sizeof said - 1);
    _exit(127);
  }
  close(file);
  control = mapped;
}

static int ends_with(const char *text, const char *end) {
  size_t all = strlen(text), part = strlen(end);
  return all >= part && strcmp(text + all - part, end) == 0;
}

/* What kind of file of the node's home this is; 0 for everything else. */
static int kind_of(int file) {
  char link[40], path[4096];
  const char *home = getenv("FAILING_DISK_HOME");
  struct stat found;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0 || home == NULL) return 0;
  path[length] = 0;
  if (strncmp(path, home, strlen(home)) != 0 || path[strlen(home)] != '/') return 0;
  if (fstat(file, &found) == 0 && S_ISDIR(found.st_mode)) return FOLDER;
  if (ends_with(path, ".db")) return DATABASE;
  if (ends_with(path, "-wal")) return WAL;
  if (strstr(path, "/blobs/") != NULL) return BLOB;
  if (strstr(path, "/keys/") != NULL) return KEYS;
  return OTHER;
}

/* Whether this write or sync is the one that is to fail; only one is. */
static int fails(int file, int what) {
  if (control == NULL) return 0;
  int64_t next = __atomic_load_n(&control[NEXT], __ATOMIC_SEQ_CST);
  if (next == 0 || next % 2 != what || kind_of(file) != next / 2) return 0;
  if (!__atomic_compare_exchange_n(&control[NEXT], &next, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return 0;
  __atomic_add_fetch(&control[FAILED], 1, __ATOMIC_SEQ_CST);
  return 1;
}

ssize_t write(int file, const void *octets, size_t count) {
  if (!fails(file, WRITE)) return real_write(file, octets, count);
  (void)!real_write(file, octets, count / 2);
  errno = (int)control[ERRNO];
  return -1;
}

ssize_t pwrite64(int file, const void *octets, size_t count, off64_t at) {
  if (!fails(file, WRITE)) return real_pwrite(file, octets, count, at);
  (void)!real_pwrite(file, octets, count / 2, at);
  errno = (int)control[ERRNO];
  return -1;
}

ssize_t pwrite(int file, const void *octets, size_t count, off_t at) { return pwrite64(file, octets, count, at); }

static int not_synced(void) {
  errno = (int)control[ERRNO];
  return -1;
}

int fsync(int file) { return fails(file, SYNC) ? not_synced() : real_fsync(file); }

int fdatasync(int file) { return fails(file, SYNC) ? not_synced() : real_fdatasync(file); }
