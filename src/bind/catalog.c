/* The catalog: three levels of names in memory. Everything in it lives in one arena until the
 * catalog dies; replaced and dropped definitions stay valid for what was bound with them. The maps
 * are for names only and pay from the engine's account.
 *
 *   catalogs: name -> entry -> databases: name -> database -> tables: name -> lt_table_def
 *   temporaries: `c`.`d`.`t` -> lt_table_def, which shadow the permanent ones */
#include "bind/catalog_int.h"

#include "expr/timezone.h"

#define CATALOG_BYTES_MAX ((size_t)256 << 20)

static void entry_free(lt_catalog_entry *entry)
{
    if (!entry || !entry->databases) {
        return;
    }
    lt_str key;
    void *value;
    for (size_t i = 0; lt_map_at(entry->databases, i, &key, &value); i++) {
        lt_map_free(((lt_database *)value)->tables);
        lt_map_free(((lt_database *)value)->functions);
    }
    lt_map_free(entry->databases);
    entry->databases = NULL;
}

static bool session_init(lt_catalog *catalog)
{
    lt_session *session = LT_NEW(catalog->arena, lt_session);
    lt_error ignored;
    if (!session) {
        return false;
    }
    session->mem = catalog->mem;
    session->env = catalog->env;
    session->time_zone = LT_STR("UTC");
    if (lt_zone_load(catalog->env, session->time_zone, catalog->arena, &session->zone, &ignored) !=
        LT_OK) {
        return false;
    }
    catalog->session = session;
    return lt_map_put(catalog->zones, session->time_zone, (void *)(uintptr_t)session->zone);
}

lt_catalog *lt_catalog_new(lt_mem *mem, lt_env *env)
{
    lt_catalog *catalog = lt_mem_zalloc(mem, sizeof *catalog);
    lt_catalog_entry entry = {.name = LT_STR("default_catalog"),
                              .type = LT_STR("generic_in_memory"),
                              .default_database = LT_STR("default_database")};
    lt_error ignored;
    if (!catalog) {
        return NULL;
    }
    catalog->mem = mem;
    catalog->env = env;
    catalog->arena = lt_arena_new(mem, CATALOG_BYTES_MAX);
    catalog->catalogs = lt_map_new(mem);
    catalog->temporaries = lt_map_new(mem);
    catalog->functions = lt_map_new(mem);
    catalog->settings = lt_map_new(mem);
    catalog->zones = lt_map_new(mem);
    catalog->current_catalog = entry.name;
    catalog->current_database = entry.default_database;
    if (!catalog->arena || !catalog->catalogs || !catalog->temporaries || !catalog->functions ||
        !catalog->settings || !catalog->zones || !session_init(catalog) ||
        lt_catalog_entry_add(catalog, entry, &ignored) != LT_OK) {
        lt_catalog_free(catalog);
        return NULL;
    }
    return catalog;
}

void lt_catalog_free(lt_catalog *catalog)
{
    if (!catalog) {
        return;
    }
    lt_str key;
    void *value;
    for (size_t i = 0; catalog->catalogs && lt_map_at(catalog->catalogs, i, &key, &value); i++) {
        entry_free(value);
    }
    lt_map_free(catalog->catalogs);
    lt_map_free(catalog->temporaries);
    lt_map_free(catalog->functions);
    lt_catalog_libraries_close(catalog);
    lt_map_free(catalog->settings);
    lt_map_free(catalog->zones);
    lt_arena_free(catalog->arena);
    lt_mem_free(catalog->mem, catalog, sizeof *catalog);
}

const lt_session *lt_catalog_session(const lt_catalog *catalog)
{
    return catalog->session;
}

lt_arena *lt_catalog_arena(lt_catalog *catalog)
{
    return catalog->arena;
}

/* ---- catalogs and databases ---- */

lt_catalog_entry *lt_catalog_entry_find(lt_catalog *catalog, lt_str name)
{
    return lt_map_get(catalog->catalogs, name);
}

lt_database *lt_database_find(lt_catalog *catalog, lt_str catalog_name, lt_str name)
{
    lt_catalog_entry *entry = lt_catalog_entry_find(catalog, catalog_name);
    return entry ? lt_map_get(entry->databases, name) : NULL;
}

lt_status lt_catalog_entry_add(lt_catalog *catalog, lt_catalog_entry entry, lt_error *err)
{
    if (lt_catalog_entry_find(catalog, entry.name)) {
        return lt_error_set(err, LT_ERR_SQL, "Catalog " LT_STR_FMT " already exists.",
                            LT_STR_ARG(entry.name));
    }
    lt_catalog_entry *copy = LT_NEW(catalog->arena, lt_catalog_entry);
    if (!copy) {
        return lt_error_nomem(err, "catalog");
    }
    *copy = entry;
    copy->databases = lt_map_new(catalog->mem);
    if (!copy->databases || !lt_map_put(catalog->catalogs, entry.name, copy)) {
        lt_map_free(copy->databases);
        return lt_error_nomem(err, "catalog");
    }
    return lt_database_add(catalog, entry.name, (lt_database){.name = entry.default_database}, err);
}

lt_status lt_database_add(lt_catalog *catalog, lt_str catalog_name, lt_database database,
                          lt_error *err)
{
    lt_catalog_entry *entry = lt_catalog_entry_find(catalog, catalog_name);
    if (!entry) {
        return lt_error_set(err, LT_ERR_SQL, "Catalog " LT_STR_FMT " does not exist.",
                            LT_STR_ARG(catalog_name));
    }
    if (lt_map_get(entry->databases, database.name)) {
        return lt_error_set(err, LT_ERR_SQL,
                            "Database " LT_STR_FMT " already exists in catalog " LT_STR_FMT ".",
                            LT_STR_ARG(database.name), LT_STR_ARG(catalog_name));
    }
    lt_database *copy = LT_NEW(catalog->arena, lt_database);
    if (!copy) {
        return lt_error_nomem(err, "database");
    }
    *copy = database;
    copy->tables = lt_map_new(catalog->mem);
    copy->functions = lt_map_new(catalog->mem);
    if (!copy->tables || !copy->functions || !lt_map_put(entry->databases, database.name, copy)) {
        lt_map_free(copy->tables);
        lt_map_free(copy->functions);
        return lt_error_nomem(err, "database");
    }
    return LT_OK;
}

void lt_database_drop(lt_catalog *catalog, lt_catalog_entry *entry, lt_str name)
{
    (void)catalog;
    lt_database *database = lt_map_remove(entry->databases, name);
    if (database) {
        lt_map_free(database->tables);
        lt_map_free(database->functions);
        database->tables = NULL;
        database->functions = NULL;
    }
}

void lt_catalog_entry_drop(lt_catalog *catalog, lt_str name)
{
    entry_free(lt_map_remove(catalog->catalogs, name));
}

/* ---- tables and views ---- */

/* `c`.`d`.`t` in a growing text; back quotes inside names are doubled so that no two paths meet. */
bool lt_catalog_key(lt_text *key, lt_str catalog_name, lt_str database, lt_str name)
{
    const lt_str parts[3] = {catalog_name, database, name};
    for (int i = 0; i < 3; i++) {
        lt_text_puts(key, i == 0 ? "`" : ".`");
        for (size_t at = 0; at < parts[i].len; at++) {
            if (parts[i].ptr[at] == '`') {
                lt_text_putc(key, '`');
            }
            lt_text_putc(key, parts[i].ptr[at]);
        }
        lt_text_putc(key, '`');
    }
    return !key->failed;
}

lt_table_def *lt_catalog_temporary(lt_catalog *catalog, lt_str catalog_name, lt_str database,
                                   lt_str name)
{
    lt_table_def *def = NULL;
    if (lt_map_count(catalog->temporaries) > 0) {
        lt_text key;
        lt_text_init(&key, catalog->mem);
        if (lt_catalog_key(&key, catalog_name, database, name)) {
            def = lt_map_get(catalog->temporaries, lt_text_str(&key));
        }
        lt_text_deinit(&key);
    }
    return def;
}

lt_table_def *lt_catalog_permanent(lt_catalog *catalog, lt_str catalog_name, lt_str database,
                                   lt_str name)
{
    lt_database *found = lt_database_find(catalog, catalog_name, database);
    return found ? lt_map_get(found->tables, name) : NULL;
}

lt_table_def *lt_catalog_object(lt_catalog *catalog, lt_str catalog_name, lt_str database,
                                lt_str name)
{
    lt_table_def *def = lt_catalog_temporary(catalog, catalog_name, database, name);
    return def ? def : lt_catalog_permanent(catalog, catalog_name, database, name);
}

lt_table_def *lt_catalog_find(lt_catalog *catalog, const lt_str *parts, uint32_t count)
{
    switch (count) {
    case 1:
        return lt_catalog_object(catalog, catalog->current_catalog, catalog->current_database,
                                 parts[0]);
    case 2:
        return lt_catalog_object(catalog, catalog->current_catalog, parts[0], parts[1]);
    case 3:
        return lt_catalog_object(catalog, parts[0], parts[1], parts[2]);
    default:
        return NULL;
    }
}

lt_status lt_catalog_store(lt_catalog *catalog, lt_table_def *def, lt_error *err)
{
    bool ok;
    if (def->temporary) {
        lt_text key;
        lt_text_init(&key, catalog->mem);
        ok = lt_catalog_key(&key, def->catalog, def->database, def->name) &&
             lt_map_put(catalog->temporaries, lt_text_str(&key), def);
        lt_text_deinit(&key);
    } else {
        lt_database *database = lt_database_find(catalog, def->catalog, def->database);
        if (!database) {
            return lt_error_set(err, LT_ERR_SQL,
                                "Database " LT_STR_FMT " does not exist in catalog " LT_STR_FMT ".",
                                LT_STR_ARG(def->database), LT_STR_ARG(def->catalog));
        }
        ok = lt_map_put(database->tables, def->name, def);
    }
    return ok ? LT_OK : lt_error_nomem(err, "catalog");
}

void lt_catalog_remove(lt_catalog *catalog, const lt_table_def *def)
{
    if (!def->temporary) {
        lt_database *database = lt_database_find(catalog, def->catalog, def->database);
        if (database) {
            lt_map_remove(database->tables, def->name);
        }
        return;
    }
    lt_text key;
    lt_text_init(&key, catalog->mem);
    if (lt_catalog_key(&key, def->catalog, def->database, def->name)) {
        lt_map_remove(catalog->temporaries, lt_text_str(&key));
    }
    lt_text_deinit(&key);
}

void lt_catalog_each(lt_catalog *catalog, lt_str catalog_name, lt_str database,
                     void (*fn)(void *arg, lt_table_def *def), void *arg)
{
    lt_str key;
    void *value;
    for (size_t i = 0; lt_map_at(catalog->temporaries, i, &key, &value); i++) {
        lt_table_def *def = value;
        if (lt_str_eq(def->catalog, catalog_name) && lt_str_eq(def->database, database)) {
            fn(arg, def);
        }
    }
    lt_database *found = lt_database_find(catalog, catalog_name, database);
    for (size_t i = 0; found && lt_map_at(found->tables, i, &key, &value); i++) {
        if (!lt_catalog_temporary(catalog, catalog_name, database, key)) {
            fn(arg, value);
        }
    }
}
