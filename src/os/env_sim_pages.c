/* Memory whose contents may go to a file, simulated: it stays memory all the time. What is moved
 * takes room on the simulated disk, so that a full disk and failing writes are met; what is given
 * back is overwritten, so that whoever still uses it is found out. */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "os/env_sim_int.h"
#include "os/os_error.h"

#define RANGE_MOST ((size_t)8 << 20)
#define PAGE       ((size_t)4096)
#define GARBAGE    0xdb

typedef struct {
    lt_pages base;
    sim_env *env;
    uint8_t *memory;
    size_t memory_size;
    int64_t moved; /* bytes on the disk */
    uint64_t boot; /* the file goes with the power */
} sim_pages;

static uint8_t *aligned(uint8_t *memory)
{
    size_t over = (uintptr_t)memory % PAGE;
    return over == 0 ? memory : memory + (PAGE - over);
}

lt_status sim_pages_open(lt_env *env, const char *dir, size_t size_max, lt_pages **out,
                         lt_error *err)
{
    size_t size = LT_MIN(size_max, RANGE_MOST) & ~(PAGE - 1);
    sim_pages *self = lt_mem_zalloc(env->mem, sizeof *self);
    uint8_t *memory = self ? lt_mem_zalloc(env->mem, size + PAGE) : NULL;
    (void)dir;
    *out = NULL;
    if (!memory) {
        lt_mem_free(env->mem, self, sizeof *self);
        return lt_error_nomem(err, "memory that can be moved to a file");
    }
    self->base = (lt_pages){aligned(memory), size, PAGE};
    self->env = (sim_env *)env;
    self->memory = memory;
    self->memory_size = size + PAGE;
    self->boot = self->env->boot;
    *out = &self->base;
    return LT_OK;
}

static void give_back_room(sim_pages *self, int64_t bytes)
{
    LT_ASSERT(self->moved >= bytes);
    self->moved -= bytes;
    if (self->boot == self->env->boot) {
        self->env->disk.bytes_aside -= bytes;
    }
}

void sim_pages_close(lt_pages *pages)
{
    sim_pages *self = (sim_pages *)pages;
    if (self) {
        give_back_room(self, self->moved);
        lt_mem_free(self->env->base.mem, self->memory, self->memory_size);
        lt_mem_free(self->env->base.mem, self, sizeof *self);
    }
}

lt_status sim_pages_move(lt_pages *pages, size_t at, size_t len, lt_error *err)
{
    sim_pages *self = (sim_pages *)pages;
    sim_env *env = self->env;
    const sim_disk *disk = &env->disk;
    LT_ASSERT(at % PAGE == 0 && len % PAGE == 0 && at + len <= pages->size);
    LT_TRY(sim_io_begin(env, err));
    int64_t used = disk->bytes + disk->bytes_aside;
    int code = disk->bytes_max > 0 && used + (int64_t)len > disk->bytes_max ? ENOSPC : 0;
    if (code == 0 &&
        (sim_nth_fails(env, FAULT_WRITE) || sim_chance(env, env->options.fail_write_per_mille))) {
        code = EIO;
    }
    lt_status st = LT_OK;
    if (code != 0) {
        st = lt_os_error(err, code, "move state to a file in", "the simulated disk");
    } else {
        self->moved += (int64_t)len;
        env->disk.bytes_aside += (int64_t)len;
    }
    return sim_io_end(env, st, err);
}

void sim_pages_drop(lt_pages *pages, size_t at, size_t len)
{
    LT_ASSERT(at % PAGE == 0 && len % PAGE == 0 && at + len <= pages->size);
}

void sim_pages_free(lt_pages *pages, size_t at, size_t len, bool moved)
{
    LT_ASSERT(at % PAGE == 0 && len % PAGE == 0 && at + len <= pages->size);
    memset(pages->base + at, GARBAGE, len);
    if (moved) {
        give_back_room((sim_pages *)pages, (int64_t)len);
    }
}

int64_t sim_pages_resident(lt_pages *pages)
{
    return ((const sim_pages *)pages)->moved;
}
