/* The clock of a machine that tests set: what a process under LD_PRELOAD takes for the time of day is so many
   nanoseconds ahead as the file named by MACHINE_CLOCK_FILE says (eight bytes, this machine's order), from the moment
   that they are written. Monotonic clocks go on as they do when somebody sets the clock of a real machine. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static const volatile int64_t *ahead_nanoseconds;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_sem_timedwait)(sem_t *, const struct timespec *);

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("MACHINE_CLOCK_FILE");
  int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) {
    static const char said[] = "MACHINE_CLOCK_FILE cannot be read\n";
    (void)!write(2, said, sizeof said - 1);
    _exit(127);
  }
  close(file);
  real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  real_sem_timedwait = dlsym(RTLD_NEXT, "sem_timedwait");
  ahead_nanoseconds = mapped;
}

static void shift(struct timespec *at, int64_t by) {
  int64_t all = (int64_t)at->tv_sec * SECOND + at->tv_nsec + by;
  at->tv_sec = all / SECOND;
  at->tv_nsec = all % SECOND;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  if (real_clock_gettime == NULL) real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  int status = real_clock_gettime(clock, at);
  if (status == 0 && ahead_nanoseconds != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    shift(at, *ahead_nanoseconds);
  return status;
}

int gettimeofday(struct timeval *at, void *zone) {
  (void)zone;
  struct timespec now;
  int status = clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return status;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at != NULL) *at = now.tv_sec;
  return now.tv_sec;
}

/* Its deadline is by the clock that was set. */
int sem_timedwait(sem_t *semaphore, const struct timespec *until) {
  struct timespec real = *until;
  if (ahead_nanoseconds != NULL) shift(&real, -*ahead_nanoseconds);
  return real_sem_timedwait(semaphore, &real);
}
