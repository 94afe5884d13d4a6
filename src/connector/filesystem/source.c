/* filesystem, reading: a file, a directory or a glob, once (bounded) or for ever
 * (`source.monitor-interval`).
 *
 * Files are read one after another in order of path, rotated ones first. Each has an entry that
 * says who it is (device, inode, a hash of its first bytes) and up to where its rows were given out
 * (a record's start, counted in unpacked bytes). That is the whole position, so a restart needs
 * nothing else; in bounded mode the entry of the file at hand is enough, since the order is fixed.
 * An incomplete last line of a file that may still grow waits. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mutant.h"
#include "connector/filesystem/source_int.h"

#define POSITION_VERSION 1
#define BLOCKS_PER_POLL  16
#define BLOCK_BYTES      (256 * 1024)
#define ARENA_MAX        (64u << 20)

void lt_fs_note_event(fs_source *self, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(self->base.event_text, sizeof self->base.event_text, fmt, args);
    va_end(args);
    self->base.events++;
}

/* By presence: at plan time the value may still be a ${..}. */
static bool is_bounded(const lt_table_ctx *ctx)
{
    return !lt_options_has(&ctx->options, "source.monitor-interval");
}

static bool can_split(const lt_table_ctx *ctx)
{
    const lt_format *format;
    return lt_ctx_format(ctx, true, &format, NULL) == LT_OK && format->whole != NULL;
}

/* ---- rows ---- */

/* Rows into *batch, made when it is needed, from blocks of *origin. */
static lt_status fill(fs_source *self, lt_batch **batch, fs_origin **origin, lt_wait *wait,
                      lt_error *err)
{
    const lt_table_ctx *ctx = self->base.ctx;
    for (unsigned blocks = 0;;) {
        if (self->block == NULL) {
            if (blocks++ == BLOCKS_PER_POLL) {
                *wait = (lt_wait){.wake_mono_ns = ctx->env->mono_ns(ctx->env)};
                return LT_AGAIN;
            }
            LT_TRY(lt_fs_claim(&self->base, &self->block, wait, err));
        }
        if (*batch == NULL) {
            *batch = lt_fs_batch_new(self->lane);
            if (*batch == NULL) {
                return lt_error_nomem(err, "a batch");
            }
        }
        if (*origin != self->block->origin) {
            /* File-wide columns have one value a batch. */
            if ((*batch)->row_count > 0 && self->extra_count > 0) {
                return LT_OK;
            }
            lt_fs_origin_unref(*origin);
            *origin = lt_fs_origin_ref(self->block->origin);
        }
        lt_status st = lt_fs_fill(self->lane, self->block, *batch, err);
        if (st == LT_END) {
            lt_fs_block_free(self->block);
            self->block = NULL;
            st = LT_OK;
        }
        if (st != LT_OK || (*batch)->row_count == (*batch)->row_cap) {
            return st;
        }
    }
}

static lt_status settle(fs_source *self, lt_status st, const lt_error *cause, lt_error *err)
{
    if (err != NULL && st > LT_END) {
        *err = *cause;
    }
    self->failed = LT_OK;
    return st;
}

static lt_status fs_poll(lt_source *src, lt_batch **out, lt_wait *wait, lt_error *err)
{
    fs_source *self = (fs_source *)src;
    *out = NULL;
    if (self->failed != LT_OK) {
        return settle(self, self->failed, &self->failure, err);
    }
    if (self->lane == NULL) {
        LT_TRY(lt_fs_poll_lane_new(self, err));
    }
    lt_batch *batch = NULL;
    fs_origin *origin = NULL;
    lt_error cause;
    lt_error_clear(&cause);
    lt_status st = fill(self, &batch, &origin, wait, &cause);
    if (batch == NULL || batch->row_count == 0) {
        lt_batch_unref(batch);
        st = settle(self, st == LT_OK ? LT_ERR_INTERNAL : st, &cause, err);
    } else {
        self->failed = st > LT_END ? st : LT_OK;
        if (st > LT_END) {
            self->failure = cause;
        }
        st = lt_fs_finish(self->lane, batch, origin, out, err);
    }
    lt_fs_origin_unref(origin);
    lt_fs_lane_counts(self->lane, src);
    return st;
}

/* ---- open and close ---- */

static lt_status find_extras(fs_source *self, lt_error *err)
{
    const lt_table_ctx *ctx = self->base.ctx;
    self->extras = LT_NEW_ARRAY(self->arena, lt_fs_extra, ctx->schema->count + 1);
    if (self->extras == NULL) {
        return lt_error_nomem(err, "a table's layout");
    }
    for (uint32_t i = 0; i < ctx->schema->count; i++) {
        lt_fs_extra extra = {.column = i};
        if (ctx->record_index[i] == UINT32_MAX) {
            extra.metadata = ctx->metadata_keys != NULL ? ctx->metadata_keys[i] : NULL;
            LT_ASSERT(extra.metadata != NULL);
        } else if (lt_fs_is_partition(ctx, ctx->record_index[i])) {
            extra.partition = ctx->record_schema->fields[ctx->record_index[i]].name;
        } else {
            continue;
        }
        self->extras[self->extra_count++] = extra;
    }
    return LT_OK;
}

static lt_status first_scan(fs_source *self, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    LT_TRY(lt_file_list_scan(&self->list, env, self->path, self->regex, err));
    if (!self->bounded) {
        self->next_scan_ns = env->mono_ns(env); /* the first poll looks again, after load() */
        return LT_OK;
    }
    if (self->list.found.count == 0) {
        lt_status st = lt_error_set(err, LT_ERR_IO, "no file to read: %s", self->path);
        lt_error_hint(err, "names that begin with . or _ are passed over; "
                           "'source.monitor-interval' waits for files to come");
        return st;
    }
    for (size_t i = 0; i < self->list.found.count; i++) {
        LT_TRY(lt_fs_entry_add(self, &self->list.found.items[i], err));
    }
    return LT_OK;
}

static lt_status open_format(fs_source *self, lt_error *err)
{
    const lt_table_ctx *ctx = self->base.ctx;
    LT_TRY(lt_ctx_format(ctx, true, &self->format, err));
    if (self->format->whole == NULL) {
        return lt_error_set(err, LT_ERR_UNSUPPORTED,
                            "table " LT_STR_FMT ": the format '%s' cannot be read from files",
                            LT_STR_ARG(ctx->table), self->format->name);
    }
    lt_ctx_format_ctx(ctx, self->format, self->prefix, sizeof self->prefix, &self->fctx);
    self->fctx.schema = self->layout.wanted;
    self->fctx.record_schema = self->layout.record;
    self->fctx.record_index = self->layout.record_index;
    self->fctx.record_bytes_max =
        lt_ctx_int(ctx, &lt_conn_filesystem, "source.record-size.max", NULL);
    if (self->fctx.record_bytes_max <= 0) {
        self->fctx.record_bytes_max = LT_FS_RECORD_MAX;
    }
    return LT_OK;
}

static lt_status fs_open(lt_source *src, lt_error *err)
{
    fs_source *self = (fs_source *)src;
    const lt_table_ctx *ctx = src->ctx;
    self->current = LT_FS_NONE;
    self->block_bytes = BLOCK_BYTES;
    self->arena = lt_arena_new(ctx->mem, ARENA_MAX);
    if (self->arena == NULL) {
        return lt_error_nomem(err, "a file source");
    }
    bool monitored;
    int64_t interval_ms =
        lt_ctx_int(ctx, &lt_conn_filesystem, "source.monitor-interval", &monitored);
    self->bounded = !monitored;
    self->interval_ns = LT_MAX(LT_MIN(interval_ms, INT64_MAX / 2000000), 1) * 1000000;
    self->default_name = lt_ctx_text(ctx, &lt_conn_filesystem, "partition.default-name");
    LT_TRY(lt_local_path(self->arena, lt_ctx_text(ctx, &lt_conn_filesystem, "path"), &self->path,
                         err));
    lt_str pattern = lt_ctx_text(ctx, &lt_conn_filesystem, "source.path.regex-pattern");
    if (pattern.ptr != NULL) {
        LT_TRY(lt_path_regex_new(ctx->mem, pattern, &self->regex, err));
    }
    LT_TRY(lt_file_list_init(&self->list, ctx->mem, err));
    LT_TRY(lt_fs_layout_new(ctx, self->arena, &self->layout, err));
    LT_TRY(find_extras(self, err));
    LT_TRY(open_format(self, err));
    return first_scan(self, err);
}

static void fs_close(lt_source *src)
{
    fs_source *self = (fs_source *)src;
    if (self->arena == NULL) {
        return;
    }
    lt_fs_block_free(self->block);
    lt_fs_lane_free((lt_source_lane *)(void *)self->lane);
    if (self->current != LT_FS_NONE) {
        lt_fs_stop_current(self, false);
    }
    lt_ring_deinit(&self->ring);
    for (size_t i = 0; i < self->entries.count; i++) {
        lt_fs_entry_deinit(self, &self->entries.items[i]);
    }
    lt_array_deinit(&self->entries, src->ctx->mem);
    lt_file_list_deinit(&self->list);
    lt_path_regex_free(self->regex);
    lt_arena_free(self->arena);
}

/* ---- position ----
 * All numbers are u64, strings are length + bytes.
 *   version, 0 (bounded), entry of the file at hand or the last one read (an empty path: none yet)
 *   version, 1 (followed), count, entries
 *   entry: path, device, inode, offset, print, print_len, read_size, read_mtime_ms, flags (1
 * skipping, 2 complete, 4 rotated) */

/* Of the current file: behind the last record given out by poll or the last block claimed. */
static int64_t reached(const fs_source *self)
{
    return self->block != NULL && !LT_MUTANT(POSITION_BLOCK)
               ? self->block->base + (int64_t)self->block->pos
               : self->next;
}

/* Is poll still to say what is wrong with the end of the file? */
static bool is_untold(const fs_source *self, const fs_entry *e)
{
    return self->block != NULL && self->block->trouble != NULL && e->complete &&
           lt_str_eq(self->block->origin->facts.path, lt_str_of(e->path));
}

static void put_entry(const fs_source *self, size_t index, lt_text *to)
{
    const fs_entry *e = &self->entries.items[index];
    bool is_current = index == self->current;
    bool is_pending = is_untold(self, e);
    bool skipping = is_current ? self->block == NULL && self->dropping : e->skipping;
    lt_pos_put_str(to, lt_str_of(e->path));
    lt_pos_put_u64(to, e->device);
    lt_pos_put_u64(to, e->inode);
    lt_pos_put_u64(to, (uint64_t)(is_current || is_pending ? reached(self) : e->offset));
    lt_pos_put_u64(to, e->print);
    lt_pos_put_u64(to, e->print_len);
    lt_pos_put_u64(to, (uint64_t)(is_current ? -1 : e->read_size));
    lt_pos_put_u64(to, (uint64_t)e->read_mtime_ms);
    lt_pos_put_u64(to, (uint64_t)(skipping ? 1 : 0) | (e->complete && !is_pending ? 2U : 0) |
                           (e->rotated ? 4U : 0));
}

static lt_status damaged(const fs_source *self, lt_error *err)
{
    return lt_error_set(err, LT_ERR_STATE,
                        "the saved position of table " LT_STR_FMT
                        " is damaged or newer than this build",
                        LT_STR_ARG(self->base.ctx->table));
}

lt_status lt_fs_get_entry(fs_source *self, lt_pos_reader *reader, fs_entry *e, lt_error *err)
{
    memset(e, 0, sizeof *e);
    lt_str path = lt_pos_get_str(reader);
    e->device = lt_pos_get_u64(reader);
    e->inode = lt_pos_get_u64(reader);
    e->offset = (int64_t)lt_pos_get_u64(reader);
    e->print = lt_pos_get_u64(reader);
    uint64_t print_len = lt_pos_get_u64(reader);
    e->read_size = (int64_t)lt_pos_get_u64(reader);
    e->read_mtime_ms = (int64_t)lt_pos_get_u64(reader);
    uint64_t flags = lt_pos_get_u64(reader);
    if (reader->bad || e->offset < 0 || print_len > LT_FS_PRINT_BYTES || flags > 7 ||
        memchr(path.ptr, '\0', path.len) != NULL) {
        return damaged(self, err);
    }
    e->print_len = (uint32_t)print_len;
    e->skipping = (flags & 1) != 0;
    e->complete = (flags & 2) != 0;
    e->rotated = (flags & 4) != 0;
    return lt_fs_entry_set_path(self, e, path, err);
}

static lt_status fs_save(const lt_source *src, lt_text *to, lt_error *err)
{
    const fs_source *self = (const fs_source *)src;
    lt_pos_put_u64(to, POSITION_VERSION);
    lt_pos_put_u64(to, self->bounded ? 0 : 1);
    if (!self->bounded) {
        lt_pos_put_u64(to, self->entries.count);
        for (size_t i = 0; i < self->entries.count; i++) {
            put_entry(self, i, to);
        }
    } else if (self->current == LT_FS_NONE && self->next_entry < self->entries.count &&
               self->entries.items[self->next_entry].offset > 0) {
        put_entry(self, self->next_entry, to); /* loaded, not yet opened */
    } else if (self->next_entry > 0) {
        put_entry(self, self->next_entry - 1, to);
    } else {
        lt_pos_put_str(to, LT_STR(""));
    }
    return to->failed ? lt_error_nomem(err, "a position") : LT_OK;
}

static lt_status load_bounded(fs_source *self, lt_pos_reader *reader, lt_error *err)
{
    lt_pos_reader peek = *reader;
    if (lt_pos_get_str(&peek).len == 0 && !peek.bad) {
        return LT_OK; /* nothing had been read */
    }
    fs_entry saved;
    LT_TRY(lt_fs_get_entry(self, reader, &saved, err));
    bool found = false;
    for (size_t i = 0; i < self->entries.count; i++) {
        fs_entry *e = &self->entries.items[i];
        int order = strcmp(e->path, saved.path);
        e->complete = order < 0;
        if (order == 0) {
            found = true;
            e->complete = saved.complete;
            e->offset = saved.offset;
            e->skipping = saved.skipping;
            e->print = saved.print;
            e->print_len = saved.print_len;
            self->next_entry = i + (saved.complete ? 1 : 0);
        } else if (order < 0) {
            self->next_entry = i + 1;
        }
    }
    lt_status st = LT_OK;
    if (!found && !saved.complete) {
        st = lt_error_set(err, LT_ERR_STATE, "%s is gone; it had been read up to byte %lld",
                          saved.path, (long long)saved.offset);
    }
    lt_fs_entry_deinit(self, &saved);
    return st;
}

static lt_status load_followed(fs_source *self, lt_pos_reader *reader, lt_error *err)
{
    uint64_t count = lt_pos_get_u64(reader);
    for (uint64_t i = 0; i < count && !reader->bad; i++) {
        fs_entry e;
        LT_TRY(lt_fs_get_entry(self, reader, &e, err));
        e.rotated = false; /* found again by its inode, or not */
        if (!lt_array_push(&self->entries, self->base.ctx->mem, e)) {
            lt_fs_entry_deinit(self, &e);
            return lt_error_nomem(err, "a list of files");
        }
    }
    return LT_OK;
}

lt_status lt_fs_get_head(const fs_source *self, lt_pos_reader *reader, lt_error *err)
{
    uint64_t version = lt_pos_get_u64(reader);
    uint64_t mode = lt_pos_get_u64(reader);
    if (reader->bad || version != POSITION_VERSION || mode > 1) {
        return damaged(self, err);
    }
    if ((mode == 0) != self->bounded) {
        return lt_error_set(err, LT_ERR_STATE,
                            "table " LT_STR_FMT
                            " was read %s before; 'source.monitor-interval' was %s",
                            LT_STR_ARG(self->base.ctx->table), mode == 0 ? "once" : "for ever",
                            mode == 0 ? "added" : "removed");
    }
    return LT_OK;
}

static lt_status fs_load(lt_source *src, lt_str from, lt_error *err)
{
    fs_source *self = (fs_source *)src;
    lt_pos_reader reader = {.rest = from};
    LT_TRY(lt_fs_get_head(self, &reader, err));
    LT_TRY(self->bounded ? load_bounded(self, &reader, err) : load_followed(self, &reader, err));
    return reader.bad ? damaged(self, err) : LT_OK;
}

static void fs_describe(const lt_source *src, lt_text *to)
{
    const fs_source *self = (const fs_source *)src;
    if (self->current != LT_FS_NONE) {
        lt_text_printf(to, "%s at byte %lld", self->entries.items[self->current].path,
                       (long long)reached(self));
    } else if (self->bounded && self->next_entry < self->entries.count) {
        const fs_entry *e = &self->entries.items[self->next_entry];
        lt_text_printf(to, "%s at byte %lld", e->path, (long long)e->offset);
    } else {
        lt_text_printf(to, "%zu file%s read, %s", self->entries.count,
                       self->entries.count == 1 ? "" : "s",
                       self->bounded ? "at the end" : "following");
    }
}

const lt_source_class lt_filesystem_source = {
    .self_size = sizeof(fs_source),
    .guarantee = LT_SOURCE_REPLAYABLE,
    .bounded = is_bounded,
    .open = fs_open,
    .poll = fs_poll,
    .save = fs_save,
    .load = fs_load,
    .limit = lt_fs_limit,
    .describe = fs_describe,
    .close = fs_close,
    .can_split = can_split,
    .claim = lt_fs_claim,
    .lane_new = lt_fs_lane_new,
    .decode = lt_fs_decode,
    .block_free = lt_fs_block_free,
    .lane_free = lt_fs_lane_free,
};
