/* Manifests: in memory, as bytes, and back. The bytes come from a disk, so the parser believes
 * nothing: counts are held against the bytes that are left before memory is taken for them, and
 * every reference is checked against the file that it names. */
#include <inttypes.h>

#include "base/assert.h"
#include "base/hash.h"
#include "state/checkpoint_int.h"

#define MAGIC "LEATCKPT"

#define FLAG_SAVEPOINT 1u
#define FLAG_ENDED     2u

#define FILE_BYTES     48
#define REF_BYTES      36
#define PART_BYTES_MIN 16
#define SLOTS_MIN      64

/* ---- In memory ---- */

ckpt_manifest *lt_ckpt_manifest_new_(lt_mem *mem)
{
    ckpt_manifest *m = lt_mem_zalloc(mem, sizeof *m);
    if (!m) {
        return NULL;
    }
    m->mem = mem;
    m->arena = lt_arena_new(mem, CKPT_MANIFEST_MAX);
    m->names = lt_map_new(mem);
    if (!m->arena || !m->names) {
        lt_ckpt_manifest_free_(m);
        return NULL;
    }
    return m;
}

void lt_ckpt_manifest_free_(ckpt_manifest *m)
{
    if (!m) {
        return;
    }
    lt_mem *mem = m->mem;
    lt_array_deinit(&m->files, mem);
    lt_array_deinit(&m->parts, mem);
    lt_array_deinit(&m->refs, mem);
    lt_mem_free(mem, m->slots, m->slot_count * sizeof *m->slots);
    lt_map_free(m->names);
    lt_arena_free(m->arena);
    lt_mem_free(mem, m, sizeof *m);
}

static bool copy_text(ckpt_manifest *m, lt_str from, lt_str *to)
{
    const char *copy = lt_arena_strndup(m->arena, from.len > 0 ? from.ptr : "", from.len);
    *to = (lt_str){copy, from.len};
    return copy != NULL;
}

lt_status lt_ckpt_manifest_describe_(ckpt_manifest *m, const lt_ckpt_info *info, lt_error *err)
{
    m->info = *info;
    if (!copy_text(m, info->job, &m->info.job) || !copy_text(m, info->plan, &m->info.plan) ||
        !copy_text(m, info->sql, &m->info.sql)) {
        return lt_error_nomem(err, "checkpoint manifest");
    }
    return LT_OK;
}

static bool push_part(ckpt_manifest *m, lt_str name, lt_str scalars)
{
    ckpt_part part = {.first = m->refs.count};
    lt_str copy;
    if (!copy_text(m, name, &copy) || !copy_text(m, scalars, &part.scalars)) {
        return false;
    }
    part.name = copy.ptr;
    return lt_array_push(&m->parts, m->mem, part);
}

lt_status lt_ckpt_manifest_add_part_(ckpt_manifest *m, const char *name, lt_str scalars,
                                     lt_error *err)
{
    lt_str key = lt_str_of(name);
    if (lt_map_get(m->names, key)) {
        return lt_error_set(err, LT_ERR_INTERNAL, "checkpoint part '%s' was written twice", name);
    }
    if (m->parts.count >= CKPT_NONE - 1) {
        return lt_error_set(err, LT_ERR_LIMIT, "a checkpoint of too many parts");
    }
    if (!push_part(m, key, scalars) ||
        !lt_map_put(m->names, key, (void *)(uintptr_t)m->parts.count)) {
        return lt_error_nomem(err, "checkpoint manifest");
    }
    return LT_OK;
}

uint32_t lt_ckpt_manifest_part_(const ckpt_manifest *m, const char *name)
{
    uintptr_t found = (uintptr_t)lt_map_get(m->names, lt_str_of(name));
    return found > 0 ? (uint32_t)(found - 1) : CKPT_NONE;
}

/* Where the block is or would be entered. */
static size_t slot_of(const ckpt_manifest *m, uint32_t part, uint64_t id)
{
    size_t mask = m->slot_count - 1;
    size_t at = (size_t)lt_hash_combine(part, id) & mask;
    while (m->slots[at] != 0) {
        const ckpt_ref *ref = &m->refs.items[m->slots[at] - 1];
        if (ref->id == id && ref->part == part) {
            break;
        }
        at = (at + 1) & mask;
    }
    return at;
}

size_t lt_ckpt_manifest_find_(const ckpt_manifest *m, uint32_t part, uint64_t id)
{
    if (m->slot_count == 0) {
        return SIZE_MAX;
    }
    uint32_t slot = m->slots[slot_of(m, part, id)];
    return slot > 0 ? slot - 1 : SIZE_MAX;
}

/* Keeps the table at most half full. */
static bool grow_slots(ckpt_manifest *m)
{
    size_t count = m->slot_count > 0 ? m->slot_count * 2 : SLOTS_MIN;
    uint32_t *slots = lt_mem_zalloc(m->mem, count * sizeof *slots);
    if (!slots) {
        return false;
    }
    lt_mem_free(m->mem, m->slots, m->slot_count * sizeof *m->slots);
    m->slots = slots;
    m->slot_count = count;
    for (size_t i = 0; i < m->refs.count; i++) {
        const ckpt_ref *ref = &m->refs.items[i];
        slots[slot_of(m, ref->part, ref->id)] = (uint32_t)(i + 1);
    }
    return true;
}

lt_status lt_ckpt_manifest_add_ref_(ckpt_manifest *m, ckpt_ref *ref, lt_error *err)
{
    LT_ASSERT(m->parts.count > 0);
    if (m->refs.count >= CKPT_NONE - 1) {
        return lt_error_set(err, LT_ERR_LIMIT, "a checkpoint of too many blocks");
    }
    if (m->refs.count >= m->slot_count / 2 && !grow_slots(m)) {
        return lt_error_nomem(err, "checkpoint index");
    }
    ckpt_part *part = &m->parts.items[m->parts.count - 1];
    ref->part = (uint32_t)(m->parts.count - 1);
    size_t slot = slot_of(m, ref->part, ref->id);
    if (m->slots[slot] != 0) {
        return lt_error_set(err, LT_ERR_INTERNAL,
                            "block %" PRIu64 " of checkpoint part '%s' was written twice", ref->id,
                            part->name);
    }
    if (!lt_array_push(&m->refs, m->mem, *ref)) {
        return lt_error_nomem(err, "checkpoint manifest");
    }
    m->slots[slot] = (uint32_t)m->refs.count;
    part->count++;
    part->plain += ref->plain;
    return LT_OK;
}

/* ---- To bytes ---- */

static void add_u32(lt_text *to, uint32_t value)
{
    uint8_t bytes[4];
    ckpt_put_u32(bytes, value);
    lt_text_append(to, (const char *)bytes, sizeof bytes);
}

static void add_u64(lt_text *to, uint64_t value)
{
    uint8_t bytes[8];
    ckpt_put_u64(bytes, value);
    lt_text_append(to, (const char *)bytes, sizeof bytes);
}

static void add_str(lt_text *to, lt_str str)
{
    add_u32(to, (uint32_t)str.len);
    lt_text_append(to, str.ptr, str.len);
}

static void add_info(const ckpt_manifest *m, lt_text *to)
{
    const lt_ckpt_info *info = &m->info;
    add_u64(to, info->id);
    add_u32(to, (info->savepoint ? FLAG_SAVEPOINT : 0) | (info->ended ? FLAG_ENDED : 0));
    add_u32(to, info->parallelism);
    add_u64(to, (uint64_t)info->wall_ms);
    add_u64(to, (uint64_t)info->duration_us);
    add_u64(to, (uint64_t)info->bytes_new);
    add_u64(to, (uint64_t)info->bytes_all);
    add_u64(to, m->prev_id);
    add_u64(to, m->prev_hash);
    add_str(to, info->job);
    add_str(to, info->plan);
    add_str(to, info->sql);
    add_u32(to, (uint32_t)m->files.count);
    add_u32(to, (uint32_t)m->parts.count);
    add_u64(to, m->refs.count);
}

static void add_file(lt_text *to, const ckpt_file *file)
{
    add_u64(to, file->data.epoch);
    add_u32(to, file->data.attempt);
    add_u32(to, 0);
    add_u64(to, file->id);
    add_u64(to, file->size);
    add_u64(to, file->blocks);
    add_u64(to, file->hash);
}

static void add_ref(lt_text *to, const ckpt_ref *ref)
{
    uint8_t bytes[REF_BYTES];
    ckpt_put_u64(bytes, ref->id);
    ckpt_put_u64(bytes + 8, ref->offset);
    ckpt_put_u64(bytes + 16, ref->hash);
    ckpt_put_u32(bytes + 24, ref->file);
    ckpt_put_u32(bytes + 28, ref->stored);
    ckpt_put_u32(bytes + 32, ref->plain);
    lt_text_append(to, (const char *)bytes, sizeof bytes);
}

static uint32_t features_of(const ckpt_manifest *m)
{
    for (size_t i = 0; i < m->refs.count; i++) {
        if (m->refs.items[i].stored < m->refs.items[i].plain) {
            return CKPT_FEATURE_ZSTD;
        }
    }
    return 0;
}

void lt_ckpt_manifest_seal_(uint8_t *bytes, size_t size)
{
    LT_ASSERT(size >= CKPT_MANIFEST_HEAD + CKPT_MANIFEST_TAIL);
    ckpt_put_u64(bytes + 16, size);
    ckpt_put_u32(bytes + 28, lt_crc32c(bytes, 28, 0));
    size_t body = size - CKPT_MANIFEST_TAIL;
    ckpt_put_u64(bytes + body, lt_hash_bytes(bytes, body, 0));
}

lt_status lt_ckpt_manifest_encode_(ckpt_manifest *m, lt_text *to, lt_error *err)
{
    LT_ASSERT(to->len == 0);
    lt_text_puts(to, MAGIC);
    add_u32(to, CKPT_VERSION);
    add_u32(to, features_of(m));
    add_u64(to, 0); /* length and checksum: seal */
    add_u32(to, LT_HASH_VERSION);
    add_u32(to, 0);
    add_info(m, to);
    for (size_t i = 0; i < m->files.count; i++) {
        add_file(to, &m->files.items[i]);
    }
    for (size_t i = 0; i < m->parts.count; i++) {
        const ckpt_part *part = &m->parts.items[i];
        add_str(to, lt_str_of(part->name));
        add_str(to, part->scalars);
        add_u64(to, part->count);
        for (size_t k = 0; k < part->count; k++) {
            add_ref(to, &m->refs.items[part->first + k]);
        }
    }
    add_u64(to, 0);
    if (!to->failed && to->len > CKPT_MANIFEST_MAX) {
        return lt_error_set(err, LT_ERR_LIMIT, "the checkpoint's manifest is larger than %zu MiB",
                            CKPT_MANIFEST_MAX >> 20);
    }
    if (to->failed) {
        return lt_error_nomem(err, "checkpoint manifest");
    }
    lt_ckpt_manifest_seal_((uint8_t *)to->ptr, to->len);
    m->hash = ckpt_get_u64((const uint8_t *)to->ptr + to->len - CKPT_MANIFEST_TAIL);
    return LT_OK;
}

/* ---- From bytes ---- */

/* Reads behind the end give zeros and set `short_`. */
typedef struct {
    const uint8_t *at;
    size_t left;
    bool short_;
} cursor;

static const uint8_t *take(cursor *c, size_t size)
{
    if (c->short_ || size > c->left) {
        c->short_ = true;
        return NULL;
    }
    const uint8_t *at = c->at;
    c->at += size;
    c->left -= size;
    return at;
}

static uint32_t take_u32(cursor *c)
{
    const uint8_t *at = take(c, 4);
    return at ? ckpt_get_u32(at) : 0;
}

static uint64_t take_u64(cursor *c)
{
    const uint8_t *at = take(c, 8);
    return at ? ckpt_get_u64(at) : 0;
}

static lt_str take_str(cursor *c)
{
    uint32_t len = take_u32(c);
    const uint8_t *at = take(c, len);
    return at ? (lt_str){(const char *)at, len} : (lt_str){"", 0};
}

static lt_status damaged(lt_error *err, const char *how)
{
    return lt_error_set(err, LT_ERR_STATE, "manifest: %s", how);
}

/* The head is under a checksum of its own: a version is believed only when it was written so. */
static lt_status check_frame(const uint8_t *bytes, size_t size, lt_error *err)
{
    if (size < CKPT_MANIFEST_HEAD + CKPT_MANIFEST_TAIL || memcmp(bytes, MAGIC, 8) != 0 ||
        lt_crc32c(bytes, 28, 0) != ckpt_get_u32(bytes + 28)) {
        return damaged(err, size == 0 ? "it is empty" : "its head is not one");
    }
    uint32_t version = ckpt_get_u32(bytes + 8);
    uint32_t features = ckpt_get_u32(bytes + 12);
    uint32_t hash_version = ckpt_get_u32(bytes + 24);
    if (version != CKPT_VERSION || (features & ~CKPT_FEATURES_KNOWN) != 0 ||
        hash_version != LT_HASH_VERSION) {
        (void)lt_error_set(err, LT_ERR_UNSUPPORTED,
                           "it was written by another version of leat (format %" PRIu32 ".%" PRIu32
                           ", features %" PRIu32 "; this one reads %u.%d, %u)",
                           version, hash_version, features, CKPT_VERSION, LT_HASH_VERSION,
                           CKPT_FEATURES_KNOWN);
        lt_error_hint(err, "run the version that wrote it");
        return LT_ERR_UNSUPPORTED;
    }
    if (ckpt_get_u64(bytes + 16) != size) {
        return damaged(err, "its length differs");
    }
    size_t body = size - CKPT_MANIFEST_TAIL;
    if (lt_hash_bytes(bytes, body, 0) != ckpt_get_u64(bytes + body)) {
        return damaged(err, "its checksum differs");
    }
    return LT_OK;
}

typedef struct {
    uint32_t files;
    uint32_t parts;
    uint64_t refs;
} counts;

static lt_status parse_info(ckpt_manifest *m, cursor *c, counts *out, lt_error *err)
{
    lt_ckpt_info info = {.id = take_u64(c)};
    uint32_t flags = take_u32(c);
    info.savepoint = (flags & FLAG_SAVEPOINT) != 0;
    info.ended = (flags & FLAG_ENDED) != 0;
    info.parallelism = take_u32(c);
    info.wall_ms = (int64_t)take_u64(c);
    info.duration_us = (int64_t)take_u64(c);
    info.bytes_new = (int64_t)take_u64(c);
    info.bytes_all = (int64_t)take_u64(c);
    m->prev_id = take_u64(c);
    m->prev_hash = take_u64(c);
    info.job = take_str(c);
    info.plan = take_str(c);
    info.sql = take_str(c);
    *out = (counts){.files = take_u32(c), .parts = take_u32(c), .refs = take_u64(c)};
    info.part_count = out->parts;
    if (c->short_ || flags > (FLAG_SAVEPOINT | FLAG_ENDED) || out->files > CKPT_FILES_MAX ||
        out->files > c->left / FILE_BYTES || out->parts > c->left / PART_BYTES_MIN ||
        out->refs > c->left / REF_BYTES) {
        return damaged(err, "its description is not one");
    }
    LT_TRY(lt_ckpt_manifest_describe_(m, &info, err));
    if (!lt_array_reserve(&m->files, m->mem, out->files) ||
        !lt_array_reserve(&m->parts, m->mem, out->parts) ||
        !lt_array_reserve(&m->refs, m->mem, (size_t)out->refs)) {
        return lt_error_nomem(err, "checkpoint manifest");
    }
    return LT_OK;
}

static lt_status parse_file(ckpt_manifest *m, cursor *c, lt_error *err)
{
    ckpt_file file = {.data = {.epoch = take_u64(c), .attempt = take_u32(c)}};
    uint32_t zero = take_u32(c);
    file.id = take_u64(c);
    file.size = take_u64(c);
    file.blocks = take_u64(c);
    file.hash = take_u64(c);
    if (c->short_ || zero != 0 || file.data.attempt == 0 || file.size < CKPT_FILE_HEAD ||
        file.size > INT64_MAX) {
        return damaged(err, "a data file's description is not one");
    }
    m->files.items[m->files.count++] = file;
    return LT_OK;
}

static bool ref_fits(const ckpt_manifest *m, const ckpt_ref *ref)
{
    if (ref->file >= m->files.count || ref->plain > CKPT_BLOCK_MAX || ref->stored > ref->plain) {
        return false;
    }
    uint64_t size = m->files.items[ref->file].size;
    uint64_t need = (uint64_t)CKPT_BLOCK_HEAD + ref->stored;
    return ref->offset >= CKPT_FILE_HEAD && ref->offset <= size && need <= size - ref->offset;
}

static lt_status parse_part(ckpt_manifest *m, cursor *c, uint64_t refs_left, lt_error *err)
{
    lt_str name = take_str(c);
    lt_str scalars = take_str(c);
    uint64_t count = take_u64(c);
    if (c->short_ || count > refs_left || count > c->left / REF_BYTES ||
        memchr(name.ptr, '\0', name.len)) {
        return damaged(err, "a part's description is not one");
    }
    if (!push_part(m, name, scalars)) {
        return lt_error_nomem(err, "checkpoint manifest");
    }
    ckpt_part *part = &m->parts.items[m->parts.count - 1];
    for (; part->count < count; part->count++) {
        const uint8_t *at = take(c, REF_BYTES);
        LT_ASSERT(at != NULL);
        ckpt_ref ref = {.id = ckpt_get_u64(at),
                        .offset = ckpt_get_u64(at + 8),
                        .hash = ckpt_get_u64(at + 16),
                        .file = ckpt_get_u32(at + 24),
                        .part = (uint32_t)(m->parts.count - 1),
                        .stored = ckpt_get_u32(at + 28),
                        .plain = ckpt_get_u32(at + 32)};
        if (!ref_fits(m, &ref)) {
            return damaged(err, "it refers to a block that cannot be");
        }
        part->plain += ref.plain;
        m->refs.items[m->refs.count++] = ref;
    }
    return LT_OK;
}

static lt_status parse_body(ckpt_manifest *m, cursor *c, lt_error *err)
{
    counts expect;
    LT_TRY(parse_info(m, c, &expect, err));
    while (m->files.count < expect.files) {
        LT_TRY(parse_file(m, c, err));
    }
    while (m->parts.count < expect.parts) {
        LT_TRY(parse_part(m, c, expect.refs - m->refs.count, err));
    }
    if (m->refs.count != expect.refs || c->left != 0) {
        return damaged(err, "it is not as long as its content");
    }
    return LT_OK;
}

lt_status lt_ckpt_manifest_parse_(lt_mem *mem, const void *bytes, size_t size, ckpt_manifest **out,
                                  lt_error *err)
{
    const uint8_t *at = bytes;
    *out = NULL;
    LT_TRY(check_frame(at, size, err));
    ckpt_manifest *m = lt_ckpt_manifest_new_(mem);
    if (!m) {
        return lt_error_nomem(err, "checkpoint manifest");
    }
    cursor c = {at + CKPT_MANIFEST_HEAD, size - CKPT_MANIFEST_HEAD - CKPT_MANIFEST_TAIL, false};
    lt_status st = parse_body(m, &c, err);
    if (st != LT_OK) {
        lt_ckpt_manifest_free_(m);
        return st;
    }
    m->hash = ckpt_get_u64(at + size - CKPT_MANIFEST_TAIL);
    *out = m;
    return LT_OK;
}
