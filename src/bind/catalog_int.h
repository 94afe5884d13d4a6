/* The catalog's inside, for the DDL statements. */
#pragma once

#include "bind/catalog.h"

typedef struct {
    lt_str name;
    lt_str comment;
    lt_options options;
    lt_map *tables; /* name -> lt_table_def: tables and views */
} lt_database;

typedef struct {
    lt_str name;
    lt_str type; /* generic_in_memory */
    lt_str comment;
    lt_str default_database;
    lt_options options; /* with 'type' */
    lt_map *databases;  /* name -> lt_database */
} lt_catalog_entry;

struct lt_catalog {
    lt_mem *mem;
    lt_env *env;
    lt_arena *arena;
    lt_map *catalogs;    /* name -> lt_catalog_entry */
    lt_map *temporaries; /* `catalog.database.name`, parts in back quotes -> lt_table_def */
    lt_map *settings;    /* key -> lt_str: what SET set */
    lt_map *zones;       /* name -> lt_zone: loaded once */
    lt_str current_catalog, current_database;
    const lt_session *session; /* replaced, not changed: what was bound before keeps its own */
};

lt_catalog_entry *lt_catalog_entry_find(lt_catalog *catalog, lt_str name);
lt_database *lt_database_find(lt_catalog *catalog, lt_str catalog_name, lt_str name);
/* Makes an empty catalog with its default database. LT_ERR_SQL when it exists. */
lt_status lt_catalog_entry_add(lt_catalog *catalog, lt_catalog_entry entry, lt_error *err);
lt_status lt_database_add(lt_catalog *catalog, lt_str catalog_name, lt_database database,
                          lt_error *err);
void lt_database_drop(lt_catalog *catalog, lt_catalog_entry *entry, lt_str name);
void lt_catalog_entry_drop(lt_catalog *catalog, lt_str name);

/* The object at a full path: the temporary one if there is one. */
lt_table_def *lt_catalog_object(lt_catalog *catalog, lt_str catalog_name, lt_str database,
                                lt_str name);
lt_table_def *lt_catalog_temporary(lt_catalog *catalog, lt_str catalog_name, lt_str database,
                                   lt_str name);
lt_table_def *lt_catalog_permanent(lt_catalog *catalog, lt_str catalog_name, lt_str database,
                                   lt_str name);
/* Stores under def's own path, replacing. */
lt_status lt_catalog_store(lt_catalog *catalog, lt_table_def *def, lt_error *err);
void lt_catalog_remove(lt_catalog *catalog, const lt_table_def *def);
/* Calls fn for the objects of a database, temporary ones first; each name once. */
void lt_catalog_each(lt_catalog *catalog, lt_str catalog_name, lt_str database,
                     void (*fn)(void *arg, lt_table_def *def), void *arg);

/* settings.c */
lt_str lt_setting_default(const char *key); /* ptr NULL: none */
