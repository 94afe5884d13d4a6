/* See sim_disk.h. A crash allocates nothing, so that it cannot fail half-way: every directory entry
 * keeps its live and its durable meaning side by side, and files keep the old content of
 * overwritten sectors. */
#include "os/sim_disk.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"

#define FILE_BYTES_MAX ((size_t)1 << 40)

uint64_t sim_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15ULL;
    return lt_hash_u64(*state);
}

static bool coin(sim_disk *disk)
{
    return (sim_random(&disk->random) >> 40 & 1) != 0;
}

/* ---- Nodes ---- */

static sim_node *new_node(sim_disk *disk, lt_file_kind kind)
{
    sim_node *node = lt_mem_zalloc(disk->mem, sizeof *node);
    if (!node) {
        return NULL;
    }
    if (kind == LT_FILE_DIR) {
        node->entries = lt_map_new(disk->mem);
        if (!node->entries) {
            lt_mem_free(disk->mem, node, sizeof *node);
            return NULL;
        }
    }
    node->kind = kind;
    node->refs = 1;
    node->inode = ++disk->inode_next;
    node->mtime_ms = disk->now_ms;
    node->next = disk->nodes;
    if (disk->nodes) {
        disk->nodes->prev = node;
    }
    disk->nodes = node;
    return node;
}

void sim_node_ref(sim_node *node)
{
    LT_ASSERT(node->refs > 0);
    node->refs++;
}

static void free_entries(sim_disk *disk, sim_node *dir)
{
    void *value;
    for (size_t i = 0; lt_map_at(dir->entries, i, NULL, &value); i++) {
        sim_entry *entry = value;
        LT_ASSERT(entry->changes == 0);
        sim_node_unref(disk, entry->live);
        sim_node_unref(disk, entry->durable);
        lt_mem_free(disk->mem, entry, sizeof *entry);
    }
    lt_map_free(dir->entries);
}

void sim_node_unref(sim_disk *disk, sim_node *node)
{
    if (!node || --node->refs > 0) {
        return;
    }
    if (node->prev) {
        node->prev->next = node->next;
    } else {
        disk->nodes = node->next;
    }
    if (node->next) {
        node->next->prev = node->prev;
    }
    if (node->kind == LT_FILE_DIR) {
        free_entries(disk, node);
    }
    disk->bytes -= (int64_t)node->size;
    lt_mem_free(disk->mem, node->bytes, node->cap);
    lt_array_deinit(&node->saved, disk->mem);
    lt_array_deinit(&node->marks, disk->mem);
    lt_mem_free(disk->mem, node, sizeof *node);
}

/* ---- Entries and pending changes ---- */

static int entry_of(sim_disk *disk, const sim_place *at, sim_entry **out)
{
    if (at->entry) {
        *out = at->entry;
        return 0;
    }
    sim_entry *entry = lt_mem_zalloc(disk->mem, sizeof *entry);
    if (!entry) {
        return ENOMEM;
    }
    entry->dir = at->dir;
    entry->name_len = at->name_len;
    memcpy(entry->name, at->name, at->name_len + 1);
    if (!lt_map_put(at->dir->entries, (lt_str){entry->name, entry->name_len}, entry)) {
        lt_mem_free(disk->mem, entry, sizeof *entry);
        return ENOMEM;
    }
    *out = entry;
    return 0;
}

static void drop_unused(sim_disk *disk, sim_entry *entry)
{
    if (!entry->live && !entry->durable && entry->changes == 0) {
        lt_str name = {entry->name, entry->name_len};
        (void)lt_map_remove(entry->dir->entries, name);
        lt_mem_free(disk->mem, entry, sizeof *entry);
    }
}

static void set_live(sim_disk *disk, sim_entry *entry, sim_node *node)
{
    sim_node *was = entry->live;
    if (node) {
        sim_node_ref(node);
        if (node->kind == LT_FILE_DIR) {
            node->parent = entry->dir;
        }
    }
    entry->live = node;
    sim_node_unref(disk, was);
}

static void set_durable(sim_disk *disk, sim_entry *entry, sim_node *node)
{
    sim_node *was = entry->durable;
    if (node) {
        sim_node_ref(node);
    }
    entry->durable = node;
    sim_node_unref(disk, was);
}

/* Room for the change must have been reserved. */
static void add_change(sim_disk *disk, sim_change change)
{
    LT_ASSERT(disk->pending.count < disk->pending.cap);
    change.to->changes++;
    sim_node_ref(change.to->dir);
    if (change.node) {
        sim_node_ref(change.node);
    }
    if (change.from) {
        change.from->changes++;
        sim_node_ref(change.from->dir);
    }
    disk->pending.items[disk->pending.count++] = change;
}

/* Ends a pending change, which comes to be durable or is forgotten. */
static void end_change(sim_disk *disk, sim_change change, bool durable)
{
    sim_node *to_dir = change.to->dir;
    sim_node *from_dir = change.from ? change.from->dir : NULL;
    if (durable) {
        set_durable(disk, change.to, change.node);
        if (change.from) {
            set_durable(disk, change.from, NULL);
        }
    }
    change.to->changes--;
    if (change.from) {
        change.from->changes--;
        drop_unused(disk, change.from);
    }
    drop_unused(disk, change.to);
    sim_node_unref(disk, change.node);
    sim_node_unref(disk, from_dir);
    sim_node_unref(disk, to_dir);
}

void sim_disk_sync_dir(sim_disk *disk, const sim_node *dir)
{
    size_t kept = 0;
    for (size_t i = 0; i < disk->pending.count; i++) {
        sim_change change = disk->pending.items[i];
        if (change.to->dir == dir || (change.from && change.from->dir == dir)) {
            end_change(disk, change, true);
        } else {
            disk->pending.items[kept++] = change;
        }
    }
    disk->pending.count = kept;
}

/* ---- Paths ---- */

/* One component further; the place's node must be a directory. */
static int step(sim_place *at, const char *name, size_t len)
{
    if (!at->node) {
        return ENOENT;
    }
    if (at->node->kind != LT_FILE_DIR) {
        return ENOTDIR;
    }
    if (len > SIM_NAME_MAX) {
        return ENAMETOOLONG;
    }
    if (len == 1 && name[0] == '.') {
        return 0;
    }
    if (len == 2 && name[0] == '.' && name[1] == '.') {
        *at = (sim_place){.node = at->node->parent};
        return 0;
    }
    at->dir = at->node;
    memcpy(at->name, name, len);
    at->name[len] = '\0';
    at->name_len = len;
    at->entry = lt_map_get(at->dir->entries, (lt_str){name, len});
    at->node = at->entry ? at->entry->live : NULL;
    return 0;
}

int sim_disk_find(sim_disk *disk, const char *path, sim_place *out)
{
    *out = (sim_place){.node = disk->root};
    if (*path == '\0') {
        return ENOENT;
    }
    while (*path != '\0') {
        size_t len = strcspn(path, "/");
        int code = len > 0 ? step(out, path, len) : 0;
        if (code != 0) {
            return code;
        }
        path += len;
        if (*path == '/') {
            path++;
            /* A slash at the end asks for a directory. */
            if (*path == '\0' && out->node && out->node->kind != LT_FILE_DIR) {
                return ENOTDIR;
            }
        }
    }
    return 0;
}

int sim_disk_create(sim_disk *disk, const sim_place *at, lt_file_kind kind, sim_node **out)
{
    sim_entry *entry = NULL;
    LT_ASSERT(at->dir && !at->node);
    if (!lt_array_reserve(&disk->pending, disk->mem, 1)) {
        return ENOMEM;
    }
    sim_node *node = new_node(disk, kind);
    if (!node) {
        return ENOMEM;
    }
    int code = entry_of(disk, at, &entry);
    if (code == 0) {
        set_live(disk, entry, node);
        add_change(disk, (sim_change){.to = entry, .node = node});
        *out = node;
    }
    sim_node_unref(disk, node); /* the entry keeps it */
    return code;
}

static bool is_empty(const sim_node *dir)
{
    void *value;
    for (size_t i = 0; lt_map_at(dir->entries, i, NULL, &value); i++) {
        if (((const sim_entry *)value)->live) {
            return false;
        }
    }
    return true;
}

int sim_disk_unlink(sim_disk *disk, const sim_place *at)
{
    if (!at->node) {
        return ENOENT;
    }
    if (!at->dir) {
        return EBUSY;
    }
    if (at->node->kind == LT_FILE_DIR && !is_empty(at->node)) {
        return ENOTEMPTY;
    }
    if (!lt_array_reserve(&disk->pending, disk->mem, 1)) {
        return ENOMEM;
    }
    add_change(disk, (sim_change){.to = at->entry});
    set_live(disk, at->entry, NULL);
    return 0;
}

static int check_rename(const sim_place *from, const sim_place *to)
{
    if (!from->node) {
        return ENOENT;
    }
    if (!from->dir || !to->dir) {
        return EBUSY;
    }
    bool from_is_dir = from->node->kind == LT_FILE_DIR;
    if (to->node && to->node != from->node) {
        bool to_is_dir = to->node->kind == LT_FILE_DIR;
        if (from_is_dir != to_is_dir) {
            return to_is_dir ? EISDIR : ENOTDIR;
        }
        if (to_is_dir && !is_empty(to->node)) {
            return ENOTEMPTY;
        }
    }
    for (const sim_node *up = to->dir; from_is_dir; up = up->parent) {
        if (up == from->node) {
            return EINVAL; /* a directory cannot move into itself */
        }
        if (up->parent == up) {
            break;
        }
    }
    return 0;
}

int sim_disk_rename(sim_disk *disk, const sim_place *from, const sim_place *to)
{
    sim_entry *target = NULL;
    int code = check_rename(from, to);
    if (code != 0 || from->node == to->node) {
        return code;
    }
    if (!lt_array_reserve(&disk->pending, disk->mem, 1)) {
        return ENOMEM;
    }
    code = entry_of(disk, to, &target);
    if (code != 0) {
        return code;
    }
    add_change(disk, (sim_change){.to = target, .node = from->node, .from = from->entry});
    set_live(disk, target, from->node);
    set_live(disk, from->entry, NULL);
    if (target->live->kind == LT_FILE_DIR && from->dir != to->dir) {
        /* Moves of directories that survived out of order could put two of them into each other. */
        sim_disk_sync_dir(disk, to->dir);
    }
    return 0;
}

/* ---- File content ---- */

static size_t sectors_of(size_t size)
{
    return (size + SIM_SECTOR - 1) / SIM_SECTOR;
}

/* Length of a sector's part within size bytes. */
static size_t sector_part(size_t index, size_t size)
{
    size_t start = index * SIM_SECTOR;
    return start >= size ? 0 : LT_MIN(size - start, (size_t)SIM_SECTOR);
}

/* Room for marks below `sectors` and for saving those of [first, end) that have no entry. */
static bool reserve_saving(sim_disk *disk, sim_node *node, size_t sectors, size_t first, size_t end)
{
    if (node->marks.count < sectors) {
        size_t more = sectors - node->marks.count;
        if (!lt_array_reserve(&node->marks, disk->mem, more)) {
            return false;
        }
        memset(node->marks.items + node->marks.count, SIM_SAME, more);
        node->marks.count = sectors;
    }
    size_t need = 0;
    for (size_t i = first; i < end; i++) {
        need += node->marks.items[i] == SIM_SAME ? 1 : 0;
    }
    return need == 0 || lt_array_reserve(&node->saved, disk->mem, need);
}

/* Keeps len bytes (and zeros) as what the disk holds of a sector. Room must have been reserved. */
static void save_sector(sim_node *node, size_t index, size_t len, sim_mark mark)
{
    LT_ASSERT(node->saved.count < node->saved.cap && node->marks.items[index] == SIM_SAME);
    sim_sector *sector = &node->saved.items[node->saved.count++];
    memset(sector, 0, sizeof *sector);
    sector->index = index;
    if (len > 0) {
        memcpy(sector->bytes, node->bytes + index * SIM_SECTOR, len);
    }
    node->marks.items[index] = (uint8_t)mark;
}

/* Keeps the durable content of the sectors that touch [from, to), before they change. */
static int save_sectors(sim_disk *disk, sim_node *node, size_t from, size_t to)
{
    size_t durable = sectors_of(node->durable_size);
    size_t first = from / SIM_SECTOR;
    size_t end = LT_MIN(sectors_of(to), durable);
    if (first >= end) {
        return 0;
    }
    if (!reserve_saving(disk, node, durable, first, end)) {
        return ENOMEM;
    }
    for (size_t i = first; i < end; i++) {
        if (node->marks.items[i] == SIM_SAME) {
            size_t len = sector_part(i, LT_MIN(node->size, node->durable_size));
            save_sector(node, i, len, SIM_DIRTY);
        }
    }
    return 0;
}

/* Sectors that were lost and are written anew have another chance. */
static void redirty(sim_node *node, size_t from, size_t to)
{
    size_t end = LT_MIN(sectors_of(to), node->marks.count);
    for (size_t i = from / SIM_SECTOR; i < end; i++) {
        if (node->marks.items[i] == SIM_LOST) {
            node->marks.items[i] = SIM_DIRTY;
        }
    }
}

static int reserve_bytes(sim_disk *disk, sim_node *node, size_t size)
{
    if (size > FILE_BYTES_MAX) {
        return EFBIG;
    }
    if (size <= node->cap) {
        return 0;
    }
    size_t cap = LT_MAX(node->cap * 2, LT_MAX(size, (size_t)SIM_SECTOR));
    char *grown = lt_mem_realloc(disk->mem, node->bytes, node->cap, cap);
    if (!grown) {
        return ENOMEM;
    }
    node->bytes = grown;
    node->cap = cap;
    return 0;
}

/* How much of a file of this size the disk can take. */
static size_t size_allowed(const sim_disk *disk, const sim_node *node, size_t size)
{
    if (disk->bytes_max <= 0 || size <= node->size) {
        return size;
    }
    int64_t room = LT_MAX(disk->bytes_max - disk->bytes - disk->bytes_aside, INT64_C(0));
    return node->size + LT_MIN(size - node->size, (size_t)room);
}

int sim_node_write(sim_disk *disk, sim_node *node, const void *from, size_t size, size_t offset,
                   size_t *wrote)
{
    *wrote = 0;
    if (offset > FILE_BYTES_MAX || size > FILE_BYTES_MAX) {
        return EFBIG;
    }
    size_t end = size_allowed(disk, node, offset + size);
    size_t fits = end > offset ? end - offset : 0;
    if (fits == 0) {
        return size == 0 ? 0 : ENOSPC;
    }
    /* A gap beyond the old end is filled with zeros and changes the sectors in it. */
    int code = save_sectors(disk, node, LT_MIN(offset, node->size), end);
    if (code == 0) {
        code = reserve_bytes(disk, node, end);
    }
    if (code != 0) {
        return code;
    }
    if (offset > node->size) {
        memset(node->bytes + node->size, 0, offset - node->size);
    }
    memcpy(node->bytes + offset, from, fits);
    redirty(node, LT_MIN(offset, node->size), end);
    if (end > node->size) {
        disk->bytes += (int64_t)(end - node->size);
        node->size = end;
    }
    node->mtime_ms = disk->now_ms;
    *wrote = fits;
    return fits < size ? ENOSPC : 0;
}

int sim_node_truncate(sim_disk *disk, sim_node *node, size_t size)
{
    size_t low = LT_MIN(size, node->size);
    size_t high = LT_MAX(size, node->size);
    if (size_allowed(disk, node, size) < size) {
        return ENOSPC;
    }
    int code = size == node->size ? 0 : save_sectors(disk, node, low, high);
    if (code == 0) {
        code = reserve_bytes(disk, node, size);
    }
    if (code != 0) {
        return code;
    }
    if (size > node->size) {
        memset(node->bytes + node->size, 0, size - node->size);
    }
    redirty(node, low, high);
    disk->bytes += (int64_t)size - (int64_t)node->size;
    node->size = size;
    node->mtime_ms = disk->now_ms;
    if (size == 0) {
        node->sync_lost = false; /* the pages that failed are gone */
    }
    return 0;
}

/* From here on, the live content is the durable one, but for lost sectors when they stay so. */
static void settle(sim_node *node, bool keep_lost)
{
    size_t kept = 0;
    for (size_t i = 0; i < node->saved.count; i++) {
        const sim_sector *sector = &node->saved.items[i];
        uint8_t *mark = &node->marks.items[sector->index];
        if (keep_lost && *mark == SIM_LOST && sector->index < sectors_of(node->size)) {
            if (kept != i) {
                node->saved.items[kept] = *sector;
            }
            kept++;
        } else {
            *mark = SIM_SAME;
        }
    }
    node->saved.count = kept;
    node->durable_size = node->size;
    node->marks.count = LT_MIN(node->marks.count, sectors_of(node->durable_size));
}

void sim_node_sync(sim_node *node)
{
    if (!node->sync_lost) {
        settle(node, true);
    }
}

void sim_node_sync_fails(sim_disk *disk, sim_node *node)
{
    size_t first = sectors_of(node->durable_size);
    size_t end = sectors_of(node->size);
    if (!reserve_saving(disk, node, LT_MAX(first, end), first, LT_MAX(first, end))) {
        node->sync_lost = true; /* the coarse way, which needs no memory */
        return;
    }
    for (size_t i = 0; i < node->saved.count; i++) {
        node->marks.items[node->saved.items[i].index] = SIM_LOST;
    }
    for (size_t i = first; i < end; i++) {
        if (node->marks.items[i] == SIM_SAME) {
            save_sector(node, i, 0, SIM_LOST); /* the disk has nothing there yet */
        }
    }
}

/* ---- Crash ---- */

/* Which size survives. Where data was appended, it may be any sector boundary on the way. */
static size_t surviving_size(sim_disk *disk, const sim_node *node)
{
    if (node->size == node->durable_size) {
        return node->size;
    }
    size_t first = sectors_of(node->durable_size);
    size_t last = node->size / SIM_SECTOR;
    if (node->size > node->durable_size && last >= first && coin(disk)) {
        return (first + (size_t)(sim_random(&disk->random) % (last - first + 1))) * SIM_SECTOR;
    }
    return coin(disk) ? node->size : node->durable_size;
}

/* Puts back the old content of some of the overwritten sectors. */
static void restore_sectors(sim_disk *disk, sim_node *node, size_t live_size, bool all)
{
    for (size_t i = 0; i < node->saved.count; i++) {
        const sim_sector *sector = &node->saved.items[i];
        size_t start = (size_t)sector->index * SIM_SECTOR;
        size_t len = sector_part((size_t)sector->index, node->size);
        /* A sector cut off by truncation was never written: it can only hold the old content. */
        bool cut_off = start >= live_size;
        if (len > 0 && (all || cut_off || coin(disk))) {
            memcpy(node->bytes + start, sector->bytes, len);
        }
    }
}

/* Leaves zeros in some of the sectors that were never on the disk. */
static void lose_new_sectors(sim_disk *disk, sim_node *node)
{
    for (size_t i = sectors_of(node->durable_size); i < sectors_of(node->size); i++) {
        if (coin(disk)) {
            memset(node->bytes + i * SIM_SECTOR, 0, sector_part(i, node->size));
        }
    }
}

static void crash_file(sim_disk *disk, sim_node *node)
{
    size_t live_size = node->size;
    if (node->saved.count == 0 && live_size == node->durable_size) {
        node->sync_lost = false;
        return;
    }
    /* One in four: all lost; one in four: all there; else torn. */
    unsigned fate = (unsigned)(sim_random(&disk->random) >> 32 & 3);
    if (fate != 1) {
        size_t size = fate == 0 ? node->durable_size : surviving_size(disk, node);
        LT_ASSERT(size <= node->cap);
        if (size > live_size) {
            memset(node->bytes + live_size, 0, size - live_size);
        }
        node->size = size;
        restore_sectors(disk, node, live_size, fate == 0);
        if (fate != 0) {
            lose_new_sectors(disk, node);
        }
        disk->bytes += (int64_t)size - (int64_t)live_size;
    }
    node->sync_lost = false;
    settle(node, false);
}

static void crash_names(sim_disk *disk)
{
    size_t count = disk->pending.count;
    disk->pending.count = 0;
    for (size_t i = 0; i < count; i++) {
        end_change(disk, disk->pending.items[i], coin(disk));
    }
}

/* Makes the durable names of a directory, and of those below it, the live ones. */
static void revive(sim_disk *disk, sim_node *dir)
{
    void *value;
    for (size_t i = 0; lt_map_at(dir->entries, i, NULL, &value);) {
        sim_entry *entry = value;
        set_live(disk, entry, entry->durable);
        if (!entry->live) {
            drop_unused(disk, entry); /* the next one moves to index i */
            continue;
        }
        if (entry->live->kind == LT_FILE_DIR) {
            revive(disk, entry->live);
        }
        i++;
    }
}

void sim_disk_crash(sim_disk *disk)
{
    crash_names(disk);
    disk->bytes_aside = 0;
    revive(disk, disk->root);
    for (sim_node *node = disk->nodes; node; node = node->next) {
        node->locked = false;
        if (node->kind == LT_FILE_REGULAR) {
            crash_file(disk, node);
        }
    }
}

/* ---- Life ---- */

int sim_disk_init(sim_disk *disk, lt_mem *mem)
{
    *disk = (sim_disk){.mem = mem};
    disk->root = new_node(disk, LT_FILE_DIR);
    if (!disk->root) {
        return ENOMEM;
    }
    disk->root->parent = disk->root;
    return 0;
}

void sim_disk_deinit(sim_disk *disk)
{
    size_t count = disk->pending.count;
    disk->pending.count = 0;
    for (size_t i = 0; i < count; i++) {
        end_change(disk, disk->pending.items[i], false);
    }
    lt_array_deinit(&disk->pending, disk->mem);
    sim_node_unref(disk, disk->root);
    disk->root = NULL;
}
