/* What the tests of the simulated environment share: a world with a root account of its own, and
 * looks at its files. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "os/env_sim.h"

#define SEEDS    300
#define SECTOR   512
#define START_US INT64_C(1700000000000000)

typedef struct {
    lt_mem mem;
    lt_env *env;
    lt_error err;
} world;

LT_UNUSED static void world_init(world *w, const lt_sim_options *options)
{
    lt_mem_init(&w->mem, NULL, "root", 0);
    w->env = lt_env_sim_new(&w->mem, options);
    assert_non_null(w->env);
}

LT_UNUSED static void world_seed(world *w, uint64_t seed)
{
    lt_sim_options options = {.seed = seed, .start_wall_us = START_US};
    world_init(w, &options);
}

LT_UNUSED static void world_deinit(world *w)
{
    lt_env_sim_free(w->env);
    assert_int_equal(w->mem.bytes, 0);
    lt_mem_deinit(&w->mem);
}

LT_UNUSED static lt_file *open_ok(world *w, const char *path, lt_open_mode mode)
{
    lt_file *file = NULL;
    if (w->env->open(w->env, path, mode, &file, &w->err) != LT_OK) {
        fail_msg("%s", w->err.text);
    }
    return file;
}

LT_UNUSED static bool holds(world *w, const char *path, const char *text)
{
    size_t size;
    const char *got = lt_sim_get(w->env, path, &size);
    return got && size == strlen(text) && memcmp(got, text, size) == 0;
}
