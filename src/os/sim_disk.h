/* The simulator's disk: an in-memory file system that knows what is durable and what is not.
 *
 *   live     what the running system sees: entry.live, node bytes
 *   durable  what is on the platter: entry.durable, and for a file the live bytes with the saved
 * sectors put back pending  names changed since their directory was synced, in order; a rename is
 * one change
 *
 * A crash lets each pending change of a name, and each sector written since the file's sync,
 * survive or vanish as the generator decides. Metadata survives independently of data, as on file
 * systems that journal only metadata.
 *
 * No function here draws faults; that is env_sim.c's. Functions return errno values, 0 for success.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/map.h"
#include "base/mem.h"
#include "os/env.h"

#define SIM_SECTOR   512
#define SIM_NAME_MAX 255

typedef struct sim_node sim_node;

/* A name in a directory. Lives as long as it means something live, durable or pending. */
typedef struct {
    sim_node *dir;
    sim_node *live;
    sim_node *durable;
    uint32_t changes; /* pending ones that name it */
    size_t name_len;
    char name[SIM_NAME_MAX + 1];
} sim_entry;

/* What a sector held at the last sync. */
typedef struct {
    uint64_t index;
    unsigned char bytes[SIM_SECTOR];
} sim_sector;

/* Whether a sector is in `saved`. DIRTY: the next sync writes it. LOST: a sync failed to, and none
 * will try again, unless it is written anew. Sectors above durable_size that are not LOST have no
 * entry: there is nothing to go back to. */
typedef enum { SIM_SAME, SIM_DIRTY, SIM_LOST } sim_mark;

struct sim_node {
    sim_node *next; /* all nodes of the disk */
    sim_node *prev;
    sim_node *parent; /* of a directory, not counted; the root's is itself */
    uint32_t refs;    /* entries, pending changes, handles */
    lt_file_kind kind;
    uint64_t inode;
    int64_t mtime_ms;
    lt_map *entries; /* directory: name -> sim_entry */
    char *bytes;     /* file: live content */
    size_t size;
    size_t cap;
    size_t durable_size;
    LT_ARRAY(sim_sector) saved; /* sectors that differ from the disk's, or may */
    LT_ARRAY(uint8_t) marks;    /* by sector number: sim_mark */
    bool sync_lost;             /* later syncs report success and keep nothing */
    bool locked;                /* some handle holds its lock */
};

/* A pending change: `to` comes to mean `node` (NULL: nothing), and `from`, when set, nothing. */
typedef struct {
    sim_entry *to;
    sim_node *node;
    sim_entry *from;
} sim_change;

typedef struct {
    lt_mem *mem;
    sim_node *root;
    sim_node *nodes;
    LT_ARRAY(sim_change) pending;
    uint64_t inode_next;
    uint64_t random;     /* state of the generator for crashes */
    int64_t bytes;       /* of all files */
    int64_t bytes_aside; /* of files without a name, which are not kept here */
    int64_t bytes_max;
    int64_t now_ms;
} sim_disk;

/* Where a path leads. */
typedef struct {
    sim_node *dir;    /* NULL for the root itself */
    sim_node *node;   /* NULL when the last component is absent */
    sim_entry *entry; /* may be NULL */
    char name[SIM_NAME_MAX + 1];
    size_t name_len;
} sim_place;

uint64_t sim_random(uint64_t *state);

int sim_disk_init(sim_disk *disk, lt_mem *mem);
void sim_disk_deinit(sim_disk *disk);
void sim_disk_crash(sim_disk *disk);

/* Relative paths start at the root. An absent last component is no error. */
int sim_disk_find(sim_disk *disk, const char *path, sim_place *out);
int sim_disk_create(sim_disk *disk, const sim_place *at, lt_file_kind kind, sim_node **out);
int sim_disk_unlink(sim_disk *disk, const sim_place *at);
int sim_disk_rename(sim_disk *disk, const sim_place *from, const sim_place *to);
void sim_disk_sync_dir(sim_disk *disk, const sim_node *dir);

void sim_node_ref(sim_node *node);
void sim_node_unref(sim_disk *disk, sim_node *node); /* accepts NULL */
/* Writes what fits; *wrote may be less than size with ENOSPC. */
int sim_node_write(sim_disk *disk, sim_node *node, const void *from, size_t size, size_t offset,
                   size_t *wrote);
int sim_node_truncate(sim_disk *disk, sim_node *node, size_t size);
void sim_node_sync(sim_node *node);
/* What the sync should have kept is on the disk or not, and later syncs take it for written. */
void sim_node_sync_fails(sim_disk *disk, sim_node *node);
