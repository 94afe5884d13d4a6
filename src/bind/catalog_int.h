/* The catalog's inside, for the DDL statements. */
#pragma once

#include "bind/catalog.h"

typedef struct {
    lt_str name;
    lt_str comment;
    lt_options options;
    lt_map *tables;    /* name -> lt_table_def: tables and views */
    lt_map *functions; /* name in lower case -> lt_function_def */
} lt_database;

/* A library that was loaded, with what is needed to give it back. */
typedef struct lt_catalog_library {
    struct lt_catalog_library *next;
    const char *path; /* without links */
    lt_library *library;
} lt_catalog_library;

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
    lt_map *functions;   /* temporary ones: by name the system's, by path (as above) the others */
    const char *native_dirs; /* see lt_catalog_allow_native */
    lt_catalog_library *libraries;
    lt_map *settings; /* key -> lt_str: what SET set */
    lt_map *zones;    /* name -> lt_zone: loaded once */
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

/* catalog_function.c. Names are in lower case; catalog.ptr NULL: a system function. */
lt_function_def *lt_catalog_function(lt_catalog *catalog, bool temporary, lt_str catalog_name,
                                     lt_str database, lt_str name);
/* Stores under def's own path, replacing. */
lt_status lt_catalog_function_store(lt_catalog *catalog, lt_function_def *def, lt_error *err);
void lt_catalog_function_remove(lt_catalog *catalog, const lt_function_def *def);
/* Calls fn for system functions and those of a database. */
void lt_catalog_each_function(lt_catalog *catalog, lt_str catalog_name, lt_str database,
                              void (*fn)(void *arg, lt_function_def *def), void *arg);
/* The symbol of `library#symbol`, loaded from where the catalog allows it. path: which file. */
lt_status lt_catalog_native_symbol(lt_catalog *catalog, lt_str text, const void **symbol,
                                   const char **path, lt_error *err);
void lt_catalog_libraries_close(lt_catalog *catalog);
/* `c`.`d`.`t` in a growing text, in which no two paths meet. */
bool lt_catalog_key(lt_text *key, lt_str catalog_name, lt_str database, lt_str name);

/* settings.c */
lt_str lt_setting_default(const char *key); /* ptr NULL: none */
