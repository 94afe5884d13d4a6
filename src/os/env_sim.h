/* The simulated environment: a virtual clock, seeded randomness and an in-memory file system that
 * can fail, tear and lose unsynced writes. Everything that happens follows from the seed. */
#pragma once

#include "os/env.h"

typedef struct {
    uint64_t seed;
    int64_t start_wall_us;        /* the virtual clock's first value */
    uint32_t fail_read_per_mille; /* chance of an I/O error per call, in 1/1000 */
    uint32_t fail_write_per_mille;
    uint32_t fail_sync_per_mille;
    uint32_t short_read_per_mille; /* read fewer bytes than asked for */
    int64_t disk_bytes_max;        /* ENOSPC above; 0 = unlimited */
} lt_sim_options;

lt_env *lt_env_sim_new(lt_mem *mem, const lt_sim_options *options); /* NULL = out of memory */
void lt_env_sim_free(lt_env *env);

void lt_sim_advance_us(lt_env *env,
                       int64_t us); /* moves both clocks; wait() moves them to its deadline */

/* Power loss: every open handle dies; writes, creations and renames since the last sync of the file
 * or directory survive, vanish or are torn at a 512-byte sector, as the seed decides. */
void lt_sim_crash(lt_env *env);

/* The n-th call from now (1 = the next) of read/write/sync/rename fails; 0 = none. kind: 'r', 'w',
 * 's', 'm'. */
void lt_sim_fail_nth(lt_env *env, char kind, int64_t nth);

/* Direct access for tests: creates or replaces a synced file; reads one (NULL when absent; borrowed
 * until the next change). */
lt_status lt_sim_put(lt_env *env, const char *path, const void *bytes, size_t size, lt_error *err);
const char *lt_sim_get(lt_env *env, const char *path, size_t *size);
/* What was written to the standard streams (captured), and what stdin will deliver. */
lt_str lt_sim_std(lt_env *env, int number);
void lt_sim_set_stdin(lt_env *env, const void *bytes, size_t size);
