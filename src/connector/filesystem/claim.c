/* The file source's bytes: hands out the current file's records as blocks, and goes on to the next
 * file.
 *
 * Whoever claims keeps others waiting, so it does little: of a regular file whose records end at
 * newlines, only the place of the last newline is looked for and the lane reads the bytes itself.
 * Where records can be told apart only by looking at all of them (quoted line ends), the block is
 * read here. Both ways nothing is carried over: the next block is read from where this one ended.
 * Pipes and packed files are read in order; what is left behind the last whole record stays in
 * `rest`.
 *
 * A record longer than the maximum: one block holds just more of it than is allowed, which the
 * decoder refuses; the bytes up to its line end are passed over here. */
#include <string.h>

#include "base/assert.h"
#include "connector/filesystem/source_int.h"

#define ROOM_MIN     4096 /* reads smaller than this are not worth a call */
#define LOOK_BYTES   4096
#define ROUNDS_MAX   4096 /* of passing over; then others have their turn */
#define LONG_SURPLUS 2    /* a record that is longer than the maximum by this is not over at it */

/* ---- shared things ---- */

void lt_fs_handle_unref(fs_handle *handle)
{
    if (handle != NULL && atomic_fetch_sub_explicit(&handle->refs, 1, memory_order_acq_rel) == 1) {
        handle->env->close(handle->file);
        lt_mem_free(handle->mem, handle, sizeof *handle);
    }
}

fs_origin *lt_fs_origin_ref(fs_origin *origin)
{
    atomic_fetch_add_explicit(&origin->refs, 1, memory_order_relaxed);
    return origin;
}

void lt_fs_origin_unref(fs_origin *origin)
{
    if (origin != NULL && atomic_fetch_sub_explicit(&origin->refs, 1, memory_order_acq_rel) == 1) {
        lt_fs_handle_unref(origin->handle);
        lt_mem_free(origin->mem, origin, origin->size);
    }
}

static lt_status origin_new(fs_source *self, const fs_entry *e, lt_error *err)
{
    lt_mem *mem = self->base.ctx->mem;
    size_t size = sizeof(fs_origin) + e->path_size;
    fs_origin *origin = lt_mem_zalloc(mem, size);
    if (origin == NULL) {
        return lt_error_nomem(err, "a file");
    }
    char *path = (char *)(origin + 1);
    memcpy(path, e->path, e->path_size);
    atomic_init(&origin->refs, 1);
    origin->mem = mem;
    origin->size = size;
    atomic_fetch_add_explicit(&e->handle->refs, 1, memory_order_relaxed);
    origin->handle = e->handle;
    origin->facts = (lt_fs_facts){
        .path = {path, e->path_size - 1},
        .size = self->stat.size,
        .mtime_ms = self->stat.mtime_ms,
        .default_name = self->default_name,
    };
    self->origin = origin;
    return LT_OK;
}

static void trouble_free(lt_mem *mem, fs_trouble *trouble)
{
    lt_mem_free(mem, trouble, sizeof *trouble);
}

void lt_fs_block_free(lt_source_block *block)
{
    if (block != NULL) {
        lt_buf_unref(block->buf);
        lt_fs_origin_unref(block->origin);
        trouble_free(block->mem, block->trouble);
        lt_mem_free(block->mem, block, sizeof *block);
    }
}

/* The bytes [pos, end) of buf, or (NULL) of the file, as a block; the next one begins `advance`
 * bytes further. Takes the reference to buf. */
static lt_status emit(fs_source *self, lt_buf *buf, fs_range range, lt_source_block **out,
                      lt_error *err)
{
    lt_mem *mem = self->base.ctx->mem;
    lt_source_block *block = lt_mem_zalloc(mem, sizeof *block);
    if (block == NULL) {
        lt_buf_unref(buf);
        return lt_error_nomem(err, "a block of input");
    }
    *block = (lt_source_block){
        .mem = mem,
        .id = ++self->block_count,
        .origin = lt_fs_origin_ref(self->origin),
        .buf = buf,
        .pos = range.pos,
        .end = range.end,
        .base = self->next - (int64_t)range.pos,
        .last = range.last,
    };
    if (buf != NULL) {
        buf->len = range.end;
        memset(buf->ptr + range.end, 0, LT_BUF_PADDING);
    }
    self->next += (int64_t)range.advance;
    self->base.bytes += self->unpack == NULL ? range.advance : 0;
    *out = block;
    return LT_OK;
}

static lt_file *current_file(const fs_source *self)
{
    return self->origin->handle->file;
}

/* ---- the current file ---- */

void lt_fs_stop_current(fs_source *self, bool keep_handle)
{
    fs_entry *e = &self->entries.items[self->current];
    lt_unpack_free(self->unpack);
    self->unpack = NULL;
    lt_buf_unref(self->rest.buf);
    self->rest = (fs_rest){0};
    trouble_free(self->base.ctx->mem, self->trouble);
    self->trouble = NULL;
    lt_fs_origin_unref(self->origin);
    self->origin = NULL;
    if (!keep_handle || (self->handles > LT_FS_HANDLES_MAX && !e->rotated)) {
        lt_fs_close_handle(self, e);
    }
    self->current = LT_FS_NONE;
}

/* May an incomplete last line still become longer? */
static bool is_final(const fs_source *self)
{
    const fs_entry *e = &self->entries.items[self->current];
    if (self->limited) {
        return !e->limit_inside;
    }
    return self->bounded || e->is_pipe || e->last_round;
}

static void complete_current(fs_source *self)
{
    fs_entry *e = &self->entries.items[self->current];
    e->offset = self->next;
    e->skipping = false;
    e->complete = true;
    e->pending = false;
    e->read_size = self->stat.size;
    e->read_mtime_ms = self->stat.mtime_ms;
    lt_fs_stop_current(self, false);
}

/* The end of a file that may grow: remember where to go on. */
static void park_current(fs_source *self)
{
    fs_entry *e = &self->entries.items[self->current];
    e->offset = self->next;
    e->skipping = self->dropping;
    e->pending = false;
    /* What has become shorter is to be looked at by the next scan. */
    e->read_size = self->stat.size >= self->next || self->unpack != NULL ? self->stat.size : -1;
    e->read_mtime_ms = self->stat.mtime_ms;
    lt_fs_stop_current(self, self->unpack == NULL);
}

static void end_current(fs_source *self)
{
    if (self->limited || is_final(self)) {
        complete_current(self);
    } else {
        park_current(self);
    }
}

static lt_status changed_file(fs_source *self, fs_entry *e, lt_error *err)
{
    if (self->limited) {
        return lt_fs_refuse_repeat(e, "it is another file now", err);
    }
    if (self->bounded) {
        return lt_error_set(err, LT_ERR_STATE,
                            "%s is no longer the file whose position was saved (at byte %lld)",
                            e->path, (long long)e->offset);
    }
    lt_fs_note_event(self, "truncation: %s starts anew, %lld bytes had been read", e->path,
                     (long long)e->offset);
    e->offset = 0;
    e->skipping = false;
    return LT_OK;
}

static lt_status open_entry(fs_source *self, fs_entry *e, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    lt_pack pack = lt_pack_of(lt_str_of(e->path));
    if (pack == LT_PACK_UNKNOWN) {
        return lt_error_set(err, LT_ERR_UNSUPPORTED, "%s: only gzip and zstd files are unpacked",
                            e->path);
    }
    if (self->limited) {
        LT_TRY(lt_fs_open_limited(self, e, err));
    } else if (e->handle == NULL) {
        LT_TRY(lt_fs_open_handle(self, e, e->path, err));
    }
    LT_TRY(env->fstat(e->handle->file, &self->stat, err));
    e->device = self->stat.device;
    e->inode = self->stat.inode;
    /* Files that the system makes up say that they are empty. */
    self->streamed = e->is_pipe || pack != LT_PACK_NONE || (self->bounded && self->stat.size == 0);
    if (!e->is_pipe) {
        bool changed;
        LT_TRY(lt_fs_identify(self, e, &changed, err));
        if (changed) {
            LT_TRY(changed_file(self, e, err));
        }
        if (!self->streamed) {
            LT_TRY(lt_fs_check_limit(self, e, err));
        } else {
            LT_TRY(env->seek(e->handle->file, pack == LT_PACK_NONE ? e->offset : 0, err));
        }
    }
    self->next = e->offset;
    self->at_start = e->offset == 0;
    self->dropping = e->skipping;
    self->drop_quotes = false;
    self->quoted = false;
    self->discard = 0;
    LT_TRY(origin_new(self, e, err));
    if (pack != LT_PACK_NONE) {
        LT_TRY(lt_unpack_new(self->base.ctx->mem, pack, &self->unpack, err));
        self->discard = e->offset;
    }
    return LT_OK;
}

static lt_status next_file(fs_source *self, lt_wait *wait, lt_error *err)
{
    size_t index = LT_FS_NONE;
    if (!self->bounded && !self->limited) {
        LT_TRY(lt_fs_next_followed(self, &index, wait, err));
    }
    while (index == LT_FS_NONE) {
        if (self->next_entry == self->entries.count) {
            return LT_END;
        }
        size_t at = self->next_entry++;
        index = self->entries.items[at].complete ? LT_FS_NONE : at;
    }
    self->current = index;
    lt_status st = open_entry(self, &self->entries.items[index], err);
    if (st != LT_OK) {
        lt_fs_stop_current(self, false);
    }
    return st;
}

/* ---- what belongs to no record ---- */

static bool at_front(const fs_source *self)
{
    return self->at_start || self->dropping;
}

/* How many of the bytes at `next` are a byte order mark, a header line or the rest of a refused
 * record. With at_front afterwards, more bytes are needed to tell. */
static size_t pass_front(fs_source *self, const char *ptr, size_t len, bool ended)
{
    static const unsigned char mark[3] = {0xef, 0xbb, 0xbf};
    size_t at = 0;
    if (self->at_start) {
        size_t same = 0;
        while (same < 3 && same < len && (unsigned char)ptr[same] == mark[same]) {
            same++;
        }
        if (same < 3 && same == len && !ended) {
            return 0;
        }
        at = same == 3 ? 3 : 0;
        self->at_start = false;
        self->dropping = self->base.ctx->has_header;
        self->drop_quotes = true;
        self->quoted = false;
    }
    while (self->dropping && at < len) {
        char ch = ptr[at++];
        if (ch == '"' && self->drop_quotes) {
            self->quoted = !self->quoted;
        } else if (ch == '\n' && !self->quoted) {
            self->dropping = false;
        }
    }
    return at;
}

static void advance(fs_source *self, size_t count)
{
    self->next += (int64_t)count;
    self->base.bytes += self->unpack == NULL ? count : 0;
}

static lt_status take_turns(fs_source *self, lt_wait *wait)
{
    lt_env *env = self->base.ctx->env;
    *wait = (lt_wait){.wake_mono_ns = env->mono_ns(env)};
    return LT_AGAIN;
}

/* ---- the limit of a run that is repeated ---- */

static bool is_at_limit(const fs_source *self)
{
    return self->limited && self->next >= self->entries.items[self->current].limit;
}

/* Bytes behind `next` that may be looked at. Of a record that was refused for its length a little
 * more than what was passed over, so that it is refused again. */
static int64_t limit_room(const fs_source *self)
{
    const fs_entry *e = &self->entries.items[self->current];
    if (!self->limited || e->limit == INT64_MAX) {
        return INT64_MAX;
    }
    return LT_MAX(e->limit + (e->limit_inside ? LONG_SURPLUS : 0) - self->next, 0);
}

/* ---- files that can be read at an offset ---- */

lt_status lt_fs_read_at(lt_env *env, lt_file *file, fs_span span, size_t *got, lt_error *err)
{
    *got = 0;
    while (*got < span.size) {
        size_t count = 0;
        LT_TRY(env->pread(file, span.to + *got, span.size - *got, span.offset + (int64_t)*got,
                          &count, err));
        if (count == 0) {
            break;
        }
        *got += count;
    }
    return LT_OK;
}

static lt_status read_at(const fs_source *self, char *to, size_t size, int64_t offset, size_t *got,
                         lt_error *err)
{
    const lt_table_ctx *ctx = self->base.ctx;
    return lt_fs_read_at(ctx->env, current_file(self), (fs_span){to, size, offset}, got, err);
}

/* When the file ends within, it is over and no longer current. */
static lt_status drop_front(fs_source *self, lt_wait *wait, lt_error *err)
{
    char bytes[LOOK_BYTES];
    for (unsigned rounds = 0; at_front(self); rounds++) {
        if (rounds == ROUNDS_MAX) {
            return take_turns(self, wait);
        }
        size_t want = self->dropping || self->base.ctx->has_header ? sizeof bytes : 3;
        size_t got;
        LT_TRY(read_at(self, bytes, want, self->next, &got, err));
        bool ended = got < want;
        advance(self, pass_front(self, bytes, got, ended && is_final(self)));
        if (ended && at_front(self)) {
            LT_TRY(self->base.ctx->env->fstat(current_file(self), &self->stat, err));
            end_current(self);
            return LT_OK;
        }
    }
    return LT_OK;
}

/* Fits the size of blocks to the lines seen, so that a block is one batch, not one and a bit. It
 * follows from the file alone: the same file is cut in the same way again. */
static void fit_blocks(fs_source *self, const char *bytes, size_t len)
{
    size_t lines = 1;
    if (self->block_rows == 0) {
        return;
    }
    for (const char *at = bytes; (at = memchr(at, '\n', len - (size_t)(at - bytes))) != NULL;
         at++) {
        lines++;
    }
    size_t wish = len / lines * (self->block_rows - self->block_rows / 32);
    self->block_bytes = LT_MAX(LT_MIN(wish, self->block_max), self->block_min);
}

/* Looks from the end of [next, next + *left) or of a block's worth of it for a newline: *size =
 * bytes up to behind it, 0 = none. A file that ends before that: *left becomes less. */
static lt_status look_back(fs_source *self, size_t *left, size_t *size, lt_error *err)
{
    char bytes[LOOK_BYTES];
    size_t from = LT_MIN(*left, self->block_bytes);
    *size = 0;
    while (from > 0 && *size == 0) {
        size_t want = LT_MIN(from, sizeof bytes);
        size_t got;
        from -= want;
        LT_TRY(read_at(self, bytes, want, self->next + (int64_t)from, &got, err));
        if (got < want) {
            *left = from + got;
        }
        const char *newline = got > 0 ? memrchr(bytes, '\n', got) : NULL;
        *size = newline != NULL ? from + (size_t)(newline - bytes) + 1 : 0;
        if (*size > 0 && got == sizeof bytes) {
            fit_blocks(self, bytes, got);
        }
    }
    return LT_OK;
}

/* As look_back, forward from the end of a block in which there is none, as far as a record may
 * reach. */
static lt_status look_on(fs_source *self, size_t *left, size_t *size, lt_error *err)
{
    char bytes[LOOK_BYTES];
    size_t limit = LT_MIN(*left, (size_t)self->fctx.record_bytes_max + LONG_SURPLUS);
    *size = 0;
    for (size_t at = LT_MIN(*left, self->block_bytes); at < limit && *size == 0;) {
        size_t want = LT_MIN(limit - at, sizeof bytes);
        size_t got;
        LT_TRY(read_at(self, bytes, want, self->next + (int64_t)at, &got, err));
        if (got < want) {
            *left = at + got;
            limit = *left;
        }
        const char *newline = got > 0 ? memchr(bytes, '\n', got) : NULL;
        *size = newline != NULL ? at + (size_t)(newline - bytes) + 1 : 0;
        at += got;
    }
    return LT_OK;
}

/* More than a record may have, without an end. */
static fs_range long_range(fs_source *self, size_t pos)
{
    size_t max = (size_t)self->fctx.record_bytes_max;
    self->dropping = true;
    self->drop_quotes = false;
    self->quoted = false;
    return (fs_range){.pos = pos, .end = pos + max + 1, .advance = max, .last = true};
}

/* Lines of [next, next + left): the lane reads them. */
static lt_status claim_lines(fs_source *self, size_t left, lt_source_block **out, lt_error *err)
{
    for (;;) {
        bool final = is_final(self);
        size_t known = left;
        size_t size = left;
        bool rest = final && left <= self->block_bytes;
        if (!rest) {
            LT_TRY(look_back(self, &left, &size, err));
            if (size == 0 && left == known) {
                LT_TRY(look_on(self, &left, &size, err));
            }
        }
        if (left < known && self->limited) {
            return lt_fs_refuse_repeat(&self->entries.items[self->current], "it became shorter",
                                       err);
        }
        if (left < known && size == 0) {
            continue; /* it ends earlier than it said */
        }
        if (size == 0 && left >= (size_t)self->fctx.record_bytes_max + LONG_SURPLUS) {
            return emit(self, NULL, long_range(self, 0), out, err);
        }
        if (size == 0 && (left == 0 || !final)) {
            end_current(self);
            return LT_OK;
        }
        rest = rest || size == 0;
        size = rest ? left : size;
        return emit(self, NULL, (fs_range){.end = size, .advance = size, .last = rest}, out, err);
    }
}

/* Records of [next, next + left) that have to be looked at to be told apart. */
static lt_status claim_records(fs_source *self, size_t left, lt_source_block **out, lt_error *err)
{
    size_t longest = (size_t)self->fctx.record_bytes_max + LONG_SURPLUS;
    for (size_t cap = LT_MIN(self->block_bytes, left + 1);;) {
        lt_buf *buf = lt_ring_take(&self->ring, cap);
        if (buf == NULL) {
            return lt_error_nomem(err, "a block of input");
        }
        size_t got;
        lt_status st = read_at(self, buf->ptr, cap, self->next, &got, err);
        if (st != LT_OK) {
            lt_buf_unref(buf);
            return st;
        }
        got = LT_MIN(got, left);
        bool last = got < cap && is_final(self);
        memset(buf->ptr + got, 0, LT_BUF_PADDING);
        size_t size = last ? got : self->format->whole(&self->fctx, buf->ptr, got);
        if (size > LOOK_BYTES) {
            fit_blocks(self, buf->ptr + size - LOOK_BYTES, LOOK_BYTES);
        }
        if (size > 0) {
            return emit(self, buf, (fs_range){.end = size, .advance = size, .last = last}, out,
                        err);
        }
        if (got >= longest) {
            return emit(self, buf, long_range(self, 0), out, err);
        }
        lt_buf_unref(buf);
        if (got < cap) {
            end_current(self);
            return LT_OK;
        }
        cap = LT_MAX(cap * 4, (size_t)ROOM_MIN);
        if (cap > longest) {
            cap = longest;
        }
    }
}

static lt_status claim_sized(fs_source *self, lt_source_block **out, lt_wait *wait, lt_error *err)
{
    LT_TRY(is_at_limit(self) ? LT_OK : drop_front(self, wait, err));
    if (self->current == LT_FS_NONE) {
        return LT_OK;
    }
    if (is_at_limit(self)) {
        end_current(self);
        return LT_OK;
    }
    if (self->stat.size - self->next <= (int64_t)self->block_bytes) {
        /* Near the end: it may have moved. */
        LT_TRY(self->base.ctx->env->fstat(current_file(self), &self->stat, err));
        LT_TRY(lt_fs_check_limit(self, &self->entries.items[self->current], err));
    }
    if (self->stat.size <= self->next) {
        end_current(self);
        return LT_OK;
    }
    size_t left = (size_t)LT_MIN(self->stat.size - self->next, limit_room(self));
    return self->format->whole == lt_format_whole_lines ? claim_lines(self, left, out, err)
                                                        : claim_records(self, left, out, err);
}

/* ---- streams ---- */

/* Room for more bytes in rest. */
static lt_status make_room(fs_source *self, lt_error *err)
{
    fs_rest *rest = &self->rest;
    size_t have = rest->len - rest->pos;
    if (rest->buf != NULL && rest->buf->cap - rest->len >= ROOM_MIN) {
        return LT_OK;
    }
    if (rest->buf != NULL && rest->buf->cap >= have + ROOM_MIN && rest->pos >= have) {
        memcpy(rest->buf->ptr, rest->buf->ptr + rest->pos, have);
    } else {
        size_t cap = LT_MAX(self->block_bytes, (size_t)2 * ROOM_MIN);
        while (cap < have + LT_MAX(have / 2, (size_t)ROOM_MIN)) {
            cap *= 2;
        }
        lt_buf *buf = lt_ring_take(&self->ring, cap);
        if (buf == NULL) {
            return lt_error_nomem(err, "a block of input");
        }
        if (have > 0) {
            memcpy(buf->ptr, rest->buf->ptr + rest->pos, have);
        }
        lt_buf_unref(rest->buf);
        rest->buf = buf;
    }
    rest->pos = 0;
    rest->len = have;
    return LT_OK;
}

/* A file that cannot be unpacked further is one reject; its rows so far stand. */
static lt_status broken_file(fs_source *self, const lt_error *cause, lt_error *err)
{
    const char *code = lt_unpack_code(self->unpack);
    if (!self->bounded && strcmp(code, "truncated-compression") == 0) {
        return LT_OK; /* still being written */
    }
    self->trouble = lt_mem_zalloc(self->base.ctx->mem, sizeof *self->trouble);
    if (self->trouble == NULL) {
        return lt_error_nomem(err, "a reject");
    }
    self->trouble->code = code;
    self->trouble->position = (int64_t)lt_unpack_bytes_in(self->unpack);
    self->trouble->cause = *cause;
    return LT_OK;
}

/* Bytes before the position, which an unpacked stream cannot jump over. */
static size_t pass_over(fs_source *self, char *bytes, size_t got)
{
    size_t skip = (size_t)LT_MIN(self->discard, (int64_t)got);
    self->discard -= (int64_t)skip;
    memmove(bytes, bytes + skip, got - skip);
    return got - skip;
}

/* Behind the limit there is nothing. A file that had ended there must do so again, or have the same
 * trouble there: a packed one is unpacked to its end. */
static void clip_rest(fs_source *self)
{
    const fs_entry *e = &self->entries.items[self->current];
    fs_rest *rest = &self->rest;
    int64_t have = (int64_t)(rest->len - rest->pos);
    int64_t room = limit_room(self);
    if (have >= room) {
        rest->len = rest->pos + (size_t)room;
        rest->ended = rest->ended || !e->limit_complete || (self->unpack == NULL && have > room);
    }
}

/* Did the stream end before the limit? */
static lt_status check_stream(const fs_source *self, lt_error *err)
{
    const fs_entry *e = &self->entries.items[self->current];
    int64_t have = (int64_t)(self->rest.len - self->rest.pos);
    if (self->limited && self->rest.ended && e->limit != INT64_MAX &&
        self->next + have < e->limit) {
        return lt_fs_refuse_repeat(e, "it became shorter", err);
    }
    return LT_OK;
}

static lt_status read_on(fs_source *self, lt_wait *wait, lt_error *err)
{
    lt_env *env = self->base.ctx->env;
    fs_rest *rest = &self->rest;
    lt_file *file = current_file(self);
    size_t got = 0;
    lt_status st;
    LT_TRY(make_room(self, err));
    char *to = rest->buf->ptr + rest->len;
    size_t size = rest->buf->cap - rest->len;
    if (self->unpack != NULL) {
        uint64_t before = lt_unpack_bytes_in(self->unpack);
        lt_error cause;
        lt_error_clear(&cause);
        st = lt_unpack_read(self->unpack, env, file, to, size, &got, &cause);
        self->base.bytes += lt_unpack_bytes_in(self->unpack) - before;
        if (st == LT_ERR_DATA) {
            rest->ended = true;
            return broken_file(self, &cause, err);
        }
        if (st > LT_END && err != NULL) {
            *err = cause;
        }
    } else {
        st = env->read(file, to, size, &got, err);
    }
    if (st == LT_AGAIN) {
        *wait = (lt_wait){.wake_mono_ns = INT64_MAX, .file = file};
    }
    if (st != LT_OK) {
        return st;
    }
    rest->ended = got == 0;
    rest->len += self->discard > 0 ? pass_over(self, to, got) : got;
    if (self->limited) {
        clip_rest(self);
    }
    memset(rest->buf->ptr + rest->len, 0, LT_BUF_PADDING);
    return LT_OK;
}

/* A buffer with the range of rest, which keeps what is behind. */
static lt_status split_rest(fs_source *self, fs_range *range, lt_buf **out, lt_error *err)
{
    fs_rest *rest = &self->rest;
    size_t next = range->pos + range->advance;
    size_t have = rest->len - next;
    size_t size = range->end - range->pos;
    bool small = size <= LT_RING_SMALL; /* a trickle does not use up buffers */
    lt_buf *buf =
        small ? lt_buf_new(self->base.ctx->mem, size)
              : lt_ring_take(&self->ring, LT_MAX(self->block_bytes, have + (size_t)ROOM_MIN));
    if (buf == NULL) {
        return lt_error_nomem(err, "a block of input");
    }
    if (small) {
        memcpy(buf->ptr, rest->buf->ptr + range->pos, size);
        *range = (fs_range){.end = size, .advance = range->advance, .last = range->last};
        rest->pos = next;
        *out = buf;
        return LT_OK;
    }
    memcpy(buf->ptr, rest->buf->ptr + next, have);
    memset(buf->ptr + have, 0, LT_BUF_PADDING);
    *out = rest->buf;
    rest->buf = buf;
    rest->pos = 0;
    rest->len = have;
    return LT_OK;
}

/* The whole records that rest holds, if there are any. */
static lt_status cut_rest(fs_source *self, lt_source_block **out, lt_error *err)
{
    fs_rest *rest = &self->rest;
    size_t have = rest->len - rest->pos;
    if (have == 0) {
        return LT_OK;
    }
    bool to_limit = self->limited && (int64_t)have == limit_room(self);
    bool last = rest->ended && (self->trouble == NULL || to_limit) && is_final(self);
    size_t size = last ? have : self->format->whole(&self->fctx, rest->buf->ptr + rest->pos, have);
    fs_range range = {rest->pos, rest->pos + size, size, last};
    if (size == 0) {
        if (have < (size_t)self->fctx.record_bytes_max + LONG_SURPLUS) {
            return LT_OK;
        }
        range = long_range(self, rest->pos);
    }
    lt_buf *buf = NULL;
    LT_TRY(split_rest(self, &range, &buf, err));
    return emit(self, buf, range, out, err);
}

/* The stream is over and everything was handed out, except for its trouble. */
static lt_status end_stream(fs_source *self, lt_source_block **out, lt_error *err)
{
    if (self->trouble != NULL) {
        LT_TRY(emit(self, NULL, (fs_range){.last = true}, out, err));
        (*out)->trouble = self->trouble;
        self->trouble = NULL;
        complete_current(self);
    } else {
        end_current(self);
    }
    return LT_OK;
}

static lt_status claim_streamed(fs_source *self, lt_source_block **out, lt_wait *wait,
                                lt_error *err)
{
    fs_rest *rest = &self->rest;
    lt_status st = LT_OK;
    for (unsigned rounds = 0;; rounds++) {
        if (at_front(self) && (rest->buf != NULL || rest->ended)) {
            const char *ptr = rest->buf != NULL ? rest->buf->ptr + rest->pos : "";
            bool ended = rest->ended && is_final(self);
            size_t passed = pass_front(self, ptr, rest->len - rest->pos, ended);
            rest->pos += passed;
            advance(self, passed);
        }
        bool full = rest->len - rest->pos >= self->block_bytes;
        if (!at_front(self) && (full || rest->ended || st == LT_AGAIN)) {
            LT_TRY(cut_rest(self, out, err));
            if (*out != NULL) {
                return LT_OK;
            }
        }
        if (rest->ended) {
            return end_stream(self, out, err);
        }
        if (st == LT_AGAIN) {
            return st;
        }
        if (rounds == ROUNDS_MAX) {
            return take_turns(self, wait);
        }
        st = read_on(self, wait, err);
        if (st != LT_OK && st != LT_AGAIN) {
            return st;
        }
        LT_TRY(check_stream(self, err));
    }
}

lt_status lt_fs_claim(lt_source *src, lt_source_block **out, lt_wait *wait, lt_error *err)
{
    fs_source *self = (fs_source *)src;
    *out = NULL;
    if (self->ring.mem == NULL) {
        lt_ring_init(&self->ring, src->ctx->mem, LT_MAX(self->block_bytes, self->block_max));
    }
    while (*out == NULL) {
        if (self->current == LT_FS_NONE) {
            LT_TRY(next_file(self, wait, err));
        }
        LT_TRY(self->streamed ? claim_streamed(self, out, wait, err)
                              : claim_sized(self, out, wait, err));
    }
    return LT_OK;
}
