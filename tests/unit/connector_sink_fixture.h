/* What the tests of the filesystem sink share: opening one, writing to it, looking at what is
 * there.
 */
#pragma once

#include "connector_fixture.h"

static const fixture_column two[] = {{"a", LT_TYPE_BIGINT, NULL}, {"k", LT_TYPE_VARCHAR, NULL}};

typedef struct {
    lt_env *env;
    lt_text *text;
    char dir[512];
    unsigned visible;
    unsigned hidden;
} walk;

LT_UNUSED static lt_status walk_dir(walk *w, const char *dir);

LT_UNUSED static lt_status collect(void *arg, const lt_dirent *entry)
{
    walk *w = arg;
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", w->dir, entry->name);
    if (entry->kind == LT_FILE_DIR) {
        char saved[512];
        memcpy(saved, w->dir, sizeof saved);
        lt_status st = walk_dir(w, path);
        memcpy(w->dir, saved, sizeof saved);
        return st;
    }
    if (entry->name[0] == '.') {
        w->hidden++;
        return LT_OK;
    }
    size_t size;
    const char *bytes = lt_sim_get(w->env, path, &size);
    w->visible++;
    lt_text_printf(w->text, "%s:", strncmp(entry->name, "part-", 5) == 0 ? w->dir : path);
    lt_text_append(w->text, bytes, size);
    return LT_OK;
}

LT_UNUSED static lt_status walk_dir(walk *w, const char *dir)
{
    (void)snprintf(w->dir, sizeof w->dir, "%s", dir);
    return w->env->list(w->env, dir, collect, w, NULL);
}

/* `dir:content` of every visible file below. */
LT_UNUSED static walk look(fixture *f, const char *dir, lt_text *text)
{
    walk w = {.env = f->env, .text = text};
    lt_text_clear(text);
    (void)walk_dir(&w, dir);
    return w;
}

LT_UNUSED static void table(fixture *f, const char *key, const char *value)
{
    const char *const options[] = {"path", "/out", "format", "json", key, value, NULL};
    fixture_table(f, two, 2, options);
}

LT_UNUSED static lt_sink *open_sink(fixture *f)
{
    lt_sink *sink;
    lt_error_clear(&f->err);
    assert_int_equal(lt_sink_new(lt_connector_find(LT_STR("filesystem")), &f->ctx, &sink, &f->err),
                     LT_OK);
    lt_status st = sink->cls->open(sink, &f->err);
    if (st != LT_OK) {
        lt_sink_free(sink);
        return NULL;
    }
    return sink;
}

LT_UNUSED static lt_status write_rows(fixture *f, lt_sink *sink, int64_t first, uint32_t count,
                                      const char *const *keys)
{
    lt_batch *batch = lt_batch_new(f->pool, f->ctx.schema, count);
    assert_non_null(batch);
    for (uint32_t i = 0; i < count; i++) {
        LT_COL_DATA(&batch->cols[0], int64_t)[i] = first + i;
        if (keys[i] == NULL) {
            lt_bit_clear(lt_col_need_valid(&batch->cols[1], count, batch->arena), i);
        } else {
            LT_COL_DATA(&batch->cols[1], lt_strv)[i] = lt_strv_make(keys[i], strlen(keys[i]));
        }
    }
    batch->row_count = count;
    batch->sel_count = count;
    lt_status st = sink->cls->write(sink, batch, &f->err);
    lt_batch_unref(batch);
    return st;
}
