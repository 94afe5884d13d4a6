/* What the files of the checkpoint store share (checkpoint.h). The formats on disk are described in
 * docs/internals/checkpoint.md; in short, all of it little-endian:
 *
 *   data file   head (64 bytes)  { block head (64 bytes)  stored bytes }...
 *   manifest    head (32 bytes)  what lt_ckpt_info says  data files  parts with their references
 *               u64 XXH3 of all bytes before
 *
 * A block's head names the file and the place it was written to, so that a block that landed
 * elsewhere, or a file that took another one's name, is found out even where its own bytes are
 * sound. Names of data files follow from two numbers in the manifest: a manifest can name nothing
 * outside of its directory. */
#pragma once

#include "base/arena.h"
#include "base/array.h"
#include "base/map.h"
#include "state/checkpoint.h"

#define CKPT_VERSION        1u
#define CKPT_FEATURE_ZSTD   1u /* blocks packed with zstd */
#define CKPT_FEATURES_KNOWN CKPT_FEATURE_ZSTD

#define CKPT_MANIFEST_HEAD 32
#define CKPT_MANIFEST_TAIL 8
#define CKPT_FILE_HEAD     64
#define CKPT_BLOCK_HEAD    64

#define CKPT_BLOCK_MAX    ((size_t)64 << 20) /* one block, unpacked */
#define CKPT_MANIFEST_MAX ((size_t)1000 << 20)
#define CKPT_FILES_MAX    4096u
#define CKPT_NONE         UINT32_MAX

#define CKPT_NAME_MAX 112 /* of a file in the store */
#define CKPT_DIR_MAX  3900
#define CKPT_PATH_MAX (CKPT_DIR_MAX + CKPT_NAME_MAX)

#define CKPT_SAVEPOINT_NAME "savepoint.manifest"

/* ---- little-endian ---- */

LT_INLINE void ckpt_put_u32(uint8_t *to, uint32_t value)
{
    value = LT_LITTLE_ENDIAN ? value : LT_BSWAP32(value);
    memcpy(to, &value, sizeof value);
}

LT_INLINE void ckpt_put_u64(uint8_t *to, uint64_t value)
{
    value = LT_LITTLE_ENDIAN ? value : LT_BSWAP64(value);
    memcpy(to, &value, sizeof value);
}

LT_INLINE uint32_t ckpt_get_u32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return LT_LITTLE_ENDIAN ? value : LT_BSWAP32(value);
}

LT_INLINE uint64_t ckpt_get_u64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return LT_LITTLE_ENDIAN ? value : LT_BSWAP64(value);
}

/* ---- manifest in memory ---- */

/* Where a block is stored. Packed when stored < plain, as it is when they are equal. */
typedef struct {
    uint64_t id;
    uint64_t offset; /* of its head in the file */
    uint64_t hash;   /* XXH3 of the stored bytes */
    uint32_t file;   /* index into files */
    uint32_t part;   /* index into parts */
    uint32_t stored; /* bytes behind the head */
    uint32_t plain;
} ckpt_ref;

/* What a data file's name is made of: the checkpoint that wrote it and which attempt at it. */
typedef struct {
    uint64_t epoch;
    uint32_t attempt; /* from 1 */
} ckpt_data;

typedef struct {
    ckpt_data data;
    uint64_t id;     /* drawn at random: no two files have the same */
    uint64_t size;   /* bytes */
    uint64_t blocks; /* in the file, referred to or not */
    uint64_t hash;   /* over the hashes of all its blocks, in order */
} ckpt_file;

typedef struct {
    const char *name;
    lt_str scalars;
    size_t first; /* index into refs */
    size_t count;
    int64_t plain; /* bytes of its blocks, unpacked */
} ckpt_part;

typedef struct {
    lt_mem *mem;
    lt_arena *arena; /* texts, names, scalars */
    lt_ckpt_info info;
    uint64_t prev_id; /* the checkpoint committed before; 0 = none */
    uint64_t prev_hash;
    uint64_t hash; /* set by encode and parse */
    LT_ARRAY(ckpt_file) files;
    LT_ARRAY(ckpt_part) parts;
    LT_ARRAY(ckpt_ref) refs; /* part by part */
    lt_map *names;           /* part name -> index + 1; only where parts were added one by one */
    uint32_t *slots;         /* (part, block id) -> index into refs + 1; as names */
    size_t slot_count;       /* a power of two or 0 */
} ckpt_manifest;

ckpt_manifest *lt_ckpt_manifest_new_(lt_mem *mem); /* NULL = out of memory */
void lt_ckpt_manifest_free_(ckpt_manifest *m);     /* accepts NULL */
/* Copies info with its texts. */
lt_status lt_ckpt_manifest_describe_(ckpt_manifest *m, const lt_ckpt_info *info, lt_error *err);
/* LT_ERR_INTERNAL when the name was there before. */
lt_status lt_ckpt_manifest_add_part_(ckpt_manifest *m, const char *name, lt_str scalars,
                                     lt_error *err);
/* Adds to the last part; sets ref->part. LT_ERR_INTERNAL when the part has this block already. */
lt_status lt_ckpt_manifest_add_ref_(ckpt_manifest *m, ckpt_ref *ref, lt_error *err);
uint32_t lt_ckpt_manifest_part_(const ckpt_manifest *m, const char *name); /* CKPT_NONE: absent */
/* Index into refs, or SIZE_MAX. */
size_t lt_ckpt_manifest_find_(const ckpt_manifest *m, uint32_t part, uint64_t id);

/* Appends the whole file to an empty text and sets m->hash. */
lt_status lt_ckpt_manifest_encode_(ckpt_manifest *m, lt_text *to, lt_error *err);
/* LT_ERR_STATE: damaged, and err says how. LT_ERR_UNSUPPORTED: written by a newer leat. Whatever
 * the bytes are, what comes out is consistent in itself. */
lt_status lt_ckpt_manifest_parse_(lt_mem *mem, const void *bytes, size_t size, ckpt_manifest **out,
                                  lt_error *err);
/* Makes length and checksums of a manifest's bytes right; size >= head + tail. For tests. */
void lt_ckpt_manifest_seal_(uint8_t *bytes, size_t size);

/* ---- names ---- */

typedef struct {
    char text[CKPT_PATH_MAX];
} ckpt_path;

typedef enum {
    CKPT_NAME_OTHER, /* not ours */
    CKPT_NAME_MANIFEST,
    CKPT_NAME_DATA,
    CKPT_NAME_TEMP,
    CKPT_NAME_DAMAGED, /* kept for people; data.epoch is that of the file it was */
    CKPT_NAME_FINISHED
} ckpt_name_kind;

ckpt_name_kind lt_ckpt_name_parse_(const char *name, ckpt_data *out);
void lt_ckpt_data_name_(ckpt_data data, char name[CKPT_NAME_MAX]);
void lt_ckpt_manifest_name_(uint64_t id, char name[CKPT_NAME_MAX]);
void lt_ckpt_join_(ckpt_path *to, const char *dir, const char *name); /* dir of at most DIR_MAX */
lt_status lt_ckpt_check_dir_(const char *dir, lt_error *err);

/* ---- data files ---- */

uint64_t lt_ckpt_job_hash_(lt_str job);
void lt_ckpt_file_head_(uint8_t to[CKPT_FILE_HEAD], const ckpt_file *file, uint64_t job_hash);
void lt_ckpt_block_head_(uint8_t to[CKPT_BLOCK_HEAD], const ckpt_file *file, const ckpt_ref *ref);
/* The sum over a file's blocks. */
uint64_t lt_ckpt_file_hash_(uint64_t hash, uint64_t block_hash);

/* A stretch of one data file in memory. Initialise with env and mem set. */
typedef struct {
    lt_env *env;
    lt_mem *mem;
    lt_file *file; /* borrowed */
    const ckpt_file *desc;
    uint8_t *buf;
    size_t cap;
    uint64_t at; /* offset of buf[0] in the file */
    size_t len;
} ckpt_window;

void lt_ckpt_window_use_(ckpt_window *window, lt_file *file, const ckpt_file *desc);
void lt_ckpt_window_free_(ckpt_window *window);
/* Compares head and size of the file with its description. */
lt_status lt_ckpt_window_check_file_(ckpt_window *window, uint64_t job_hash, lt_error *err);
/* The stored bytes of a block, checked against its head and ref; valid until the next call. When
 * they are not in memory, reads at least `ahead` bytes as far as the file goes. LT_ERR_STATE names
 * file and place. */
lt_status lt_ckpt_window_block_(ckpt_window *window, const ckpt_ref *ref, size_t ahead,
                                const uint8_t **out, lt_error *err);

/* ---- reader ---- */

/* Reads and verifies the manifest `name` of dir and all it refers to. expect_id 0: a savepoint.
 * LT_ERR_STATE = damaged and LT_ERR_UNSUPPORTED = newer; the text is the bare reason. */
lt_status lt_ckpt_reader_open_(lt_env *env, lt_mem *mem, const char *path, uint64_t expect_id,
                               lt_ckpt_reader **out, lt_error *err);
const ckpt_manifest *lt_ckpt_reader_manifest_(const lt_ckpt_reader *reader);
/* The manifest alone. */
lt_status lt_ckpt_manifest_read_(lt_env *env, lt_mem *mem, const char *path, uint64_t expect_id,
                                 ckpt_manifest **out, lt_error *err);

/* ---- store ---- */

/* A manifest in the directory. */
typedef struct {
    uint64_t id;
    uint64_t hash; /* 0 when it could not be read */
    uint64_t prev_id;
    uint64_t prev_hash;
    bool readable; /* false: it may refer to any data file */
    ckpt_data *files;
    uint32_t file_count;
} ckpt_known;

struct lt_ckpt_store {
    lt_env *env;
    lt_mem *mem;
    lt_ckpt_options options;
    LT_ARRAY(ckpt_known) known; /* ascending ids */
    LT_ARRAY(ckpt_data) data;   /* data files in the directory */
    ckpt_manifest *last;        /* the last one committed by this process */
    uint64_t id_last;           /* the largest that was seen */
    uint64_t chain_id;          /* what the next manifest follows */
    uint64_t chain_hash;
    uint64_t attempt_id; /* the last id that was begun, and how often */
    uint32_t attempt;
    bool wants_full;
    bool finished;
    bool writing;
    char dir[CKPT_DIR_MAX];
};

lt_status lt_ckpt_known_init_(ckpt_known *known, const ckpt_manifest *m, lt_mem *mem,
                              lt_error *err);
void lt_ckpt_known_deinit_(ckpt_known *known, lt_mem *mem);
/* Room for one more in known and data, so that taking note of a file cannot fail. */
lt_status lt_ckpt_store_reserve_(lt_ckpt_store *store, lt_error *err);
void lt_ckpt_store_add_(lt_ckpt_store *store, const ckpt_known *known); /* replaces the same id */
void lt_ckpt_store_forget_data_(lt_ckpt_store *store, ckpt_data data);
/* Drops data files that no manifest refers to, or sets them aside. */
void lt_ckpt_store_sweep_(lt_ckpt_store *store, bool keep_aside);
void lt_ckpt_store_remove_(lt_ckpt_store *store, size_t index); /* of known; not the file */
lt_status lt_ckpt_set_aside_(const lt_ckpt_store *store, const char *name, lt_error *err);
void lt_ckpt_say_(const lt_ckpt_store *store, const char *line);
void lt_ckpt_say_error_(const lt_ckpt_store *store, const char *what, const lt_error *why);
/* Removes manifests beyond `retain`, then data files that none refers to; says what fails. */
void lt_ckpt_store_retain_(lt_ckpt_store *store);

/* ---- writer ---- */

#define CKPT_ATTEMPTS_MAX 1000u

/* A data file of the last checkpoint. */
typedef struct {
    lt_file *file;  /* opened when a block of it is copied */
    uint32_t index; /* in the new manifest, or CKPT_NONE */
    bool copy;      /* its blocks are written anew */
} ckpt_source;

struct lt_ckpt_writer {
    lt_ckpt_store *store;
    ckpt_manifest *m;
    uint64_t job_hash;
    int64_t begin_ns;
    uint32_t attempt;
    /* The new data file. */
    lt_file *file;
    uint32_t own; /* its index in m->files; CKPT_NONE until there is a block */
    uint8_t *buf;
    size_t cap;
    size_t len;
    struct ZSTD_CCtx_s *cctx; /* NULL: blocks are not packed */
    /* What does not change. */
    ckpt_source *sources; /* of store->last->files */
    uint32_t source_count;
    uint32_t last_part; /* of this name in the last manifest, or CKPT_NONE */
    size_t last_at;     /* the reference that is likely to be asked for next */
    ckpt_window window;
    lt_error failed; /* code LT_OK: not yet */
    bool dir_made;
    char dir[CKPT_DIR_MAX];
};

LT_INLINE lt_env *ckpt_env_of(const lt_ckpt_writer *writer)
{
    return writer->store->env;
}

lt_status lt_ckpt_repeat_error_(const lt_ckpt_writer *writer, lt_error *err);
void lt_ckpt_own_path_(const lt_ckpt_writer *writer, ckpt_path *path);
lt_status lt_ckpt_flush_(lt_ckpt_writer *writer, lt_error *err);
