/* What the files of the simulated environment share: env_sim.c (the table: files, names, wakers)
 * and env_sim_fault.c (clocks, faults, power loss, what tests call). */
#pragma once

#include <stdatomic.h>

#include "os/env_sim.h"
#include "os/sim_disk.h"

#define SIM_MONO_START_NS INT64_C(1000000000)
#define SIM_STREAMS       3

enum { FAULT_READ, FAULT_WRITE, FAULT_SYNC, FAULT_RENAME, FAULT_KINDS };

/* Generators of their own, so that one kind of use does not shift another: what the product draws,
 * which calls fail, what a crash keeps (the disk's), how the clocks move. */
typedef struct {
    lt_env base;
    lt_sim_options options;
    sim_disk disk;
    int64_t wall_us; /* of a clock that never jumps */
    int64_t mono_ns;
    int64_t wall_off_us; /* what the jumps make of it */
    uint64_t random_product;
    uint64_t random_faults;
    uint64_t random_clock;
    int64_t fail_in[FAULT_KINDS]; /* calls until the one that fails; 0 = none */
    int64_t ops;                  /* operations on the disk so far */
    int64_t crash_in;             /* operations until the power goes; 0 = never */
    bool crash_after;             /* the last one still takes effect */
    bool dead;                    /* the power is off */
    uint64_t boot;                /* crashes so far */
    atomic_bool woken;
    lt_text streams[SIM_STREAMS];
    size_t stdin_read;             /* bytes of streams[0] that were delivered */
    struct sim_library *libraries; /* what lt_sim_library made, a list */
} sim_env;

typedef struct {
    sim_env *env;
    sim_node *node; /* NULL for a standard stream */
    sim_node *dir;  /* where the name may not be durable yet; NULL when it is */
    int stream;
    lt_open_mode mode;
    uint64_t boot; /* of its opening; a handle does not survive a crash */
    size_t at;
    bool sync_failed;
    bool locks;  /* holds the node's lock */
    size_t size; /* of this block */
    char path[];
} sim_file;

/* ---- env_sim_fault.c ---- */
int64_t sim_floor_div(int64_t value, int64_t by);
int64_t sim_wall_us(lt_env *env);
int64_t sim_mono_ns(lt_env *env);
uint64_t sim_random_u64(lt_env *env);
void sim_wait(lt_env *env, int64_t deadline_mono_ns, lt_file *const *files, size_t count);
void sim_wake(lt_env *env);
/* Moves the clocks to the deadline, unless something is ready. */
void sim_sleep(sim_env *self, bool ready, int64_t deadline_mono_ns, lt_file *const *files,
               size_t count);

bool sim_chance(sim_env *self, uint32_t per_mille);
bool sim_nth_fails(sim_env *self, int kind);
/* Whether this call on a handle fails. */
bool sim_fault(sim_file *file, int kind);

/* LT_ERR_IO when the power is off. */
lt_status sim_check_power(const sim_env *self, lt_error *err);
/* Starts an operation on the disk: counts it, takes its time, and fails when the power is off or
 * goes before this operation takes effect. */
lt_status sim_io_begin(sim_env *self, lt_error *err);
/* Ends it: the result, or the power loss that came after its effect. */
lt_status sim_io_end(const sim_env *self, lt_status st, lt_error *err);

/* ---- env_sim.c ---- */
/* Finds, creates or empties the node that a mode asks for; an errno. */
int sim_open_node(sim_disk *disk, sim_place *place, lt_open_mode mode);
/* mkdirs, which is no operation of the product's: neither counted nor failing. */
lt_status sim_make_dirs(sim_env *self, const char *path, lt_error *err);

/* ---- env_sim_library.c ---- */
lt_status sim_real_path(lt_env *env, const char *path, char *to, size_t size, lt_error *err);
lt_status sim_library_open(lt_env *env, const char *path, lt_library **out, lt_error *err);
void *sim_library_symbol(lt_library *library, const char *name);
void sim_library_close(lt_library *library);
void sim_libraries_free(sim_env *self);

/* env_sim_pages.c */
lt_status sim_pages_open(lt_env *env, const char *dir, size_t size_max, lt_pages **out,
                         lt_error *err);
void sim_pages_close(lt_pages *pages);
lt_status sim_pages_move(lt_pages *pages, size_t at, size_t len, lt_error *err);
void sim_pages_drop(lt_pages *pages, size_t at, size_t len);
void sim_pages_free(lt_pages *pages, size_t at, size_t len, bool moved);
int64_t sim_pages_resident(lt_pages *pages);
