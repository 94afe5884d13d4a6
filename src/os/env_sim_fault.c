/* Time, faults and power loss of the simulated environment, and what tests reach it by. See
 * env_sim_int.h. Time moves only by lt_sim_advance_us, by waiting and, when the disk is slow, by
 * operations on it. */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "os/env_sim_int.h"
#include "os/os_error.h"

#define US_PER_S INT64_C(1000000)

/* ---- Clocks ---- */

int64_t sim_floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0 ? 1 : 0);
}

int64_t sim_wall_us(lt_env *env)
{
    const sim_env *self = (const sim_env *)env;
    return self->wall_us + self->wall_off_us;
}

int64_t sim_mono_ns(lt_env *env)
{
    return ((sim_env *)env)->mono_ns;
}

uint64_t sim_random_u64(lt_env *env)
{
    return sim_random(&((sim_env *)env)->random_product);
}

static void advance_ns(sim_env *self, int64_t ns)
{
    LT_ASSERT(ns >= 0);
    int64_t before_us = self->mono_ns / 1000;
    self->mono_ns += ns;
    self->wall_us += self->mono_ns / 1000 - before_us;
    self->disk.now_ms = sim_floor_div(self->wall_us + self->wall_off_us, 1000);
}

/* Sets the wall clock wrong now and then. */
static void jump_wall(sim_env *self)
{
    const lt_sim_options *options = &self->options;
    if (options->wall_jump_per_mille == 0 ||
        sim_random(&self->random_clock) % 1000 >= options->wall_jump_per_mille) {
        return;
    }
    int64_t most_us = (int64_t)options->wall_jump_s_max * US_PER_S;
    uint64_t draw = sim_random(&self->random_clock) % ((uint64_t)most_us * 2 + 1);
    self->wall_off_us = (int64_t)draw - most_us;
    self->disk.now_ms = sim_floor_div(self->wall_us + self->wall_off_us, 1000);
}

void sim_sleep(sim_env *self, bool ready, int64_t deadline_mono_ns, lt_file *const *files,
               size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const sim_file *file = (const sim_file *)files[i];
        ready = ready || !file->node;
    }
    /* Nothing else happens in this world: without a deadline there is nothing to wait for. */
    if (!ready && deadline_mono_ns > self->mono_ns && deadline_mono_ns < INT64_MAX) {
        advance_ns(self, deadline_mono_ns - self->mono_ns);
        jump_wall(self);
    }
}

void sim_wait(lt_env *env, int64_t deadline_mono_ns, lt_file *const *files, size_t count)
{
    sim_env *self = (sim_env *)env;
    bool woken = atomic_exchange(&self->woken, false);
    sim_sleep(self, woken, deadline_mono_ns, files, count);
}

void sim_wake(lt_env *env)
{
    atomic_store(&((sim_env *)env)->woken, true);
}

/* ---- Faults ---- */

bool sim_chance(sim_env *self, uint32_t per_mille)
{
    return per_mille > 0 && sim_random(&self->random_faults) % 1000 < per_mille;
}

bool sim_nth_fails(sim_env *self, int kind)
{
    return self->fail_in[kind] > 0 && --self->fail_in[kind] == 0;
}

bool sim_fault(sim_file *file, int kind)
{
    const lt_sim_options *options = &file->env->options;
    uint32_t per_mille = kind == FAULT_READ    ? options->fail_read_per_mille
                         : kind == FAULT_WRITE ? options->fail_write_per_mille
                                               : options->fail_sync_per_mille;
    bool planned = sim_nth_fails(file->env, kind);
    return planned || (file->node && sim_chance(file->env, per_mille));
}

/* ---- Power ---- */

static lt_status power_loss(lt_error *err)
{
    return lt_error_set(err, LT_ERR_IO, "simulated power loss");
}

lt_status sim_check_power(const sim_env *self, lt_error *err)
{
    return self->dead ? power_loss(err) : LT_OK;
}

lt_status sim_io_begin(sim_env *self, lt_error *err)
{
    LT_TRY(sim_check_power(self, err));
    self->ops++;
    if (self->options.slow_disk_us_max > 0) {
        uint64_t us =
            sim_random(&self->random_clock) % ((uint64_t)self->options.slow_disk_us_max + 1);
        advance_ns(self, (int64_t)us * 1000);
    }
    jump_wall(self);
    if (self->crash_in > 0 && --self->crash_in == 0) {
        self->dead = true;
        return self->crash_after ? LT_OK : power_loss(err);
    }
    return LT_OK;
}

lt_status sim_io_end(const sim_env *self, lt_status st, lt_error *err)
{
    return self->dead ? power_loss(err) : st;
}

/* ---- For tests ---- */

void lt_sim_advance_us(lt_env *env, int64_t us)
{
    advance_ns((sim_env *)env, us * 1000);
}

void lt_sim_crash(lt_env *env)
{
    sim_env *self = (sim_env *)env;
    self->boot++;
    memset(self->fail_in, 0, sizeof self->fail_in);
    self->crash_in = 0;
    self->dead = false;
    atomic_store(&self->woken, false);
    sim_disk_crash(&self->disk);
}

void lt_sim_fail_nth(lt_env *env, char kind, int64_t nth)
{
    static const char kinds[FAULT_KINDS] = {'r', 'w', 's', 'm'};
    const char *at = memchr(kinds, kind, sizeof kinds);
    LT_ASSERT(at != NULL);
    LT_ASSERT(nth >= 0);
    ((sim_env *)env)->fail_in[at - kinds] = nth;
}

int64_t lt_sim_ops(lt_env *env)
{
    return ((const sim_env *)env)->ops;
}

void lt_sim_crash_at(lt_env *env, int64_t nth_op, bool after)
{
    sim_env *self = (sim_env *)env;
    LT_ASSERT(nth_op >= 0);
    self->crash_in = nth_op;
    self->crash_after = after;
}

bool lt_sim_crashed(lt_env *env)
{
    return ((const sim_env *)env)->dead;
}

void lt_sim_set_faults(lt_env *env, const lt_sim_options *options)
{
    sim_env *self = (sim_env *)env;
    lt_sim_options before = self->options;
    self->options = *options;
    self->options.seed = before.seed;
    self->options.start_wall_us = before.start_wall_us;
    self->options.disk_bytes_max = before.disk_bytes_max;
}

void lt_sim_set_disk_max(lt_env *env, int64_t bytes)
{
    sim_env *self = (sim_env *)env;
    LT_ASSERT(bytes >= 0);
    self->disk.bytes_max = bytes;
    self->options.disk_bytes_max = bytes;
}

/* Makes the directories above the last component. */
static lt_status put_parents(sim_env *self, const char *path, lt_error *err)
{
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] != '/') {
        len--;
    }
    if (len <= 1) {
        return LT_OK;
    }
    lt_text dir;
    lt_text_init(&dir, self->base.mem);
    lt_text_append(&dir, path, len);
    lt_status st =
        dir.failed ? lt_error_nomem(err, "directory name") : sim_make_dirs(self, dir.ptr, err);
    lt_text_deinit(&dir);
    return st;
}

lt_status lt_sim_put(lt_env *env, const char *path, const void *bytes, size_t size, lt_error *err)
{
    sim_env *self = (sim_env *)env;
    sim_place place;
    size_t wrote = 0;
    LT_TRY(put_parents(self, path, err));
    int code = sim_disk_find(&self->disk, path, &place);
    if (code == 0) {
        code = sim_open_node(&self->disk, &place, LT_OPEN_CREATE);
    }
    if (code == 0) {
        code = sim_node_write(&self->disk, place.node, bytes, size, 0, &wrote);
    }
    if (code != 0) {
        return lt_os_error(err, code, "put", path);
    }
    sim_node_sync(place.node);
    sim_disk_sync_dir(&self->disk, place.dir);
    return LT_OK;
}

const char *lt_sim_get(lt_env *env, const char *path, size_t *size)
{
    sim_place place;
    *size = 0;
    if (sim_disk_find(&((sim_env *)env)->disk, path, &place) != 0 || !place.node ||
        place.node->kind != LT_FILE_REGULAR) {
        return NULL;
    }
    *size = place.node->size;
    return place.node->bytes ? place.node->bytes : "";
}

lt_str lt_sim_std(lt_env *env, int number)
{
    const sim_env *self = (const sim_env *)env;
    LT_ASSERT(number >= LT_STDIN && number <= LT_STDERR);
    lt_str all = lt_text_str(&self->streams[number]);
    if (number == LT_STDIN) {
        all.ptr += self->stdin_read;
        all.len -= self->stdin_read;
    }
    return all;
}

void lt_sim_set_stdin(lt_env *env, const void *bytes, size_t size)
{
    sim_env *self = (sim_env *)env;
    lt_text *content = &self->streams[LT_STDIN];
    lt_text_clear(content);
    lt_text_append(content, bytes, size);
    self->stdin_read = 0; /* out of memory shows when it is read */
}
