/* CREATE, ALTER and DROP FUNCTION. Functions are written in SQL, as an expression over their
 * parameters, or in C, as a library's symbol; everything about them is checked here, so that a
 * function in the catalog can be called. */
#include "base/hash.h"
#include "bind/bind_int.h"
#include "expr/native.h"

/* Names are looked up without regard to case: in lower case they are equal. */
typedef struct {
    lt_object_path path; /* catalog.ptr NULL: a system function */
    bool temporary;
    uint32_t pos;
} function_name;

static lt_status word(lt_binder *b, const lt_ast_name *name, lt_str *out, lt_error *err)
{
    char *copy = lt_arena_strndup(b->arena, name->text.ptr, name->text.len);
    if (!copy) {
        return lt_error_nomem(err, "a function");
    }
    for (size_t i = 0; i < name->text.len; i++) {
        unsigned char ch = (unsigned char)copy[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_' || ch > 127;
        if (!letter && !(i > 0 && ch >= '0' && ch <= '9')) {
            return lt_error_set_at(err, LT_ERR_SQL, name->pos,
                                   "a function's name consists of letters, digits and _, and "
                                   "'" LT_STR_FMT "' does not",
                                   LT_STR_ARG(name->text));
        }
        copy[i] = ch >= 'A' && ch <= 'Z' ? (char)(ch + 32) : copy[i];
    }
    *out = (lt_str){copy, name->text.len};
    return LT_OK;
}

static lt_status resolve(lt_binder *b, const lt_ast_path *path, bool temporary, bool system,
                         function_name *out, lt_error *err)
{
    const lt_ast_name *last = &path->items[path->count - 1];
    *out = (function_name){.temporary = temporary, .pos = path->items[0].pos};
    if (!system) {
        LT_TRY(lt_bind_object_path(b, path, &out->path, err));
    } else if (path->count > 1) {
        return lt_error_set_at(err, LT_ERR_SQL, out->pos, "a system function has a simple name");
    }
    return word(b, last, &out->path.name, err);
}

static lt_function_def *find(lt_binder *b, const function_name *name)
{
    return lt_catalog_function(b->catalog, name->temporary, name->path.catalog, name->path.database,
                               name->path.name);
}

static lt_status exists_already(lt_binder *b, const function_name *name, lt_error *err)
{
    if (!name->path.catalog.ptr) {
        return lt_error_set_at(err, LT_ERR_SQL, name->pos,
                               "Could not register temporary system function. A function named "
                               "'" LT_STR_FMT "' does already exist.",
                               LT_STR_ARG(name->path.name));
    }
    if (name->temporary) {
        return lt_error_set_at(err, LT_ERR_SQL, name->pos,
                               "Could not register temporary catalog function. A function '%s' "
                               "does already exist.",
                               lt_object_text(b->arena, &name->path));
    }
    return lt_error_set_at(err, LT_ERR_SQL, name->pos,
                           "Function " LT_STR_FMT "." LT_STR_FMT
                           " already exists in Catalog " LT_STR_FMT ".",
                           LT_STR_ARG(name->path.database), LT_STR_ARG(name->path.name),
                           LT_STR_ARG(name->path.catalog));
}

static lt_status does_not_exist(const function_name *name, lt_error *err)
{
    const lt_object_path *path = &name->path;
    if (!path->catalog.ptr) {
        return lt_error_set_at(err, LT_ERR_SQL, name->pos,
                               "Could not drop temporary system function. A function named "
                               "'" LT_STR_FMT "' doesn't exist.",
                               LT_STR_ARG(path->name));
    }
    if (name->temporary) {
        return lt_error_set_at(err, LT_ERR_SQL, name->pos,
                               "Temporary catalog function `" LT_STR_FMT "`.`" LT_STR_FMT
                               "`.`" LT_STR_FMT "` doesn't exist",
                               LT_STR_ARG(path->catalog), LT_STR_ARG(path->database),
                               LT_STR_ARG(path->name));
    }
    return lt_error_set_at(
        err, LT_ERR_SQL, name->pos,
        "Function " LT_STR_FMT "." LT_STR_FMT " does not exist in Catalog " LT_STR_FMT ".",
        LT_STR_ARG(path->database), LT_STR_ARG(path->name), LT_STR_ARG(path->catalog));
}

/* ---- what a function may be written in ---- */

static lt_status check_language(const lt_ast_function *ast, uint32_t pos, lt_error *err)
{
    bool sql = lt_str_eq(ast->language, LT_STR("SQL")), c = lt_str_eq(ast->language, LT_STR("C"));
    if (!sql && !c) {
        lt_str language = ast->language.ptr ? ast->language : LT_STR("JAVA");
        lt_status st = lt_error_set_at(
            err, LT_ERR_UNSUPPORTED, pos,
            "functions in " LT_STR_FMT " are not supported: they need %s, and leat has none%s",
            LT_STR_ARG(language),
            lt_str_eq(language, LT_STR("PYTHON")) ? "a Python interpreter"
                                                  : "a Java virtual machine",
            ast->language.ptr ? "" : " (without LANGUAGE a function is in JAVA)");
        lt_error_hint(err, "write it as an expression: CREATE FUNCTION f(a INT) RETURNS INT AS "
                           "'a + 1' LANGUAGE SQL; or in C: AS 'library.so#symbol' LANGUAGE C");
        return st;
    }
    if (ast->jar_count > 0) {
        return lt_error_set_at(err, LT_ERR_SQL, pos, "USING JAR goes with functions in JAVA");
    }
    if (sql && !ast->typed) {
        lt_status st = lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                                       "a function in SQL needs its parameters and the type of "
                                       "its result");
        lt_error_hint(err, "CREATE FUNCTION f(a INT, b STRING) RETURNS STRING AS 'expression' "
                           "LANGUAGE SQL");
        return st;
    }
    if (c && ast->typed) {
        return lt_error_set_at(err, LT_ERR_SQL, ast->path.items[0].pos,
                               "the types of a function in C are those that its library says: "
                               "leave out parameters and RETURNS");
    }
    return LT_OK;
}

/* ---- in SQL ---- */

static lt_status plain_type(lt_binder *b, const lt_ast_type *ast, const char *what,
                            const lt_type **out, lt_error *err)
{
    LT_TRY(lt_bind_type(b->arena, ast, out, err));
    if (!(*out)->nullable) {
        lt_status st = lt_error_set_at(err, LT_ERR_SQL, ast->pos, "NOT NULL goes with no %s", what);
        lt_error_hint(err, "leave it out: the result of a call is NOT NULL where its arguments and "
                           "the expression make it so");
        return st;
    }
    return LT_OK;
}

static lt_status declare(lt_binder *b, const lt_ast_function *ast, lt_function_def *def,
                         lt_error *err)
{
    lt_field *fields = LT_NEW_ARRAY(b->arena, lt_field, ast->param_count + 1);
    if (!fields) {
        return lt_error_nomem(err, "a function");
    }
    for (uint32_t i = 0; i < ast->param_count; i++) {
        const lt_ast_param *param = &ast->params[i];
        fields[i].name = param->name.text;
        LT_TRY(plain_type(b, param->type, "parameter", &fields[i].type, err));
        for (uint32_t j = 0; j < i; j++) {
            if (lt_str_eq(fields[j].name, fields[i].name)) {
                return lt_error_set_at(err, LT_ERR_SQL, param->name.pos,
                                       "two parameters are called '" LT_STR_FMT "'",
                                       LT_STR_ARG(fields[i].name));
            }
        }
    }
    LT_TRY(plain_type(b, ast->returns, "result", &def->returns, err));
    def->params = lt_schema_new(b->arena, fields, ast->param_count);
    return def->params ? LT_OK : lt_error_nomem(err, "a function");
}

/* f(a INT, b STRING) -> BIGINT */
static lt_status write_signature(lt_binder *b, lt_function_def *def, lt_error *err)
{
    lt_text text;
    lt_text_init(&text, lt_catalog_session(b->catalog)->mem);
    lt_text_append(&text, def->name.ptr, def->name.len);
    lt_text_putc(&text, '(');
    for (uint32_t i = 0; i < def->params->count; i++) {
        const lt_field *field = &def->params->fields[i];
        lt_text_printf(&text, "%s" LT_STR_FMT " ", i > 0 ? ", " : "", LT_STR_ARG(field->name));
        lt_type_print(field->type, &text);
    }
    lt_text_puts(&text, ") -> ");
    lt_type_print(def->returns, &text);
    lt_str out = text.failed ? (lt_str){NULL, 0} : lt_arena_str(b->arena, lt_text_str(&text));
    lt_text_deinit(&text);
    def->signature = out.ptr;
    return out.ptr ? LT_OK : lt_error_nomem(err, "a function");
}

/* The body's mistakes are said at its text. keeper: a binder for what stays. */
static lt_status define_sql(lt_binder *b, lt_binder *keeper, const lt_ast_function *ast,
                            lt_function_def *def, lt_error *err)
{
    lt_expr *body;
    LT_TRY(declare(keeper, ast, def, err));
    LT_TRY(write_signature(keeper, def, err));
    def->body_catalog = lt_arena_str(keeper->arena, b->current_catalog);
    def->body_database = lt_arena_str(keeper->arena, b->current_database);
    def->origin.name = def->name.ptr;
    def->origin.hash = lt_hash_bytes(def->text.ptr, def->text.len,
                                     lt_hash_bytes(def->signature, strlen(def->signature), 0));
    if (!def->body_catalog.ptr || !def->body_database.ptr) {
        return lt_error_nomem(err, "a function");
    }
    lt_status st = lt_bind_function_body(b, def, &body, err);
    if (st != LT_OK) {
        if (st == LT_ERR_SQL || st == LT_ERR_UNSUPPORTED || st == LT_ERR_LIMIT) {
            err->has_sql_pos = true;
            err->sql_pos = ast->class_name.pos;
        }
        return st;
    }
    def->deterministic = lt_expr_is_deterministic(body);
    return LT_OK;
}

/* ---- in C ---- */

static lt_status native_type(lt_binder *b, lt_native *native, uint32_t index, lt_error *err)
{
    lt_ast_type *ast;
    const lt_type *type;
    const char *text = lt_native_type_text(native, index);
    lt_error inner;
    lt_error_clear(&inner);
    lt_status st = lt_sql_parse_type(&ast, b->arena, lt_str_of(text), &inner);
    if (st == LT_OK) {
        st = lt_bind_type(b->arena, ast, &type, &inner);
    }
    if (st == LT_ERR_SQL || st == LT_ERR_UNSUPPORTED) {
        return lt_error_set(err, LT_ERR_SQL, "the library says '%s', which is no type: %s", text,
                            inner.text);
    }
    if (st != LT_OK) {
        *err = inner;
        return st;
    }
    return lt_native_set_type(native, index, type, err);
}

static lt_status load_native(lt_binder *b, lt_function_def *def, lt_error *err)
{
    const void *symbol;
    lt_native *native;
    LT_TRY(lt_catalog_native_symbol(b->catalog, def->text, &symbol, &def->library, err));
    const char *what = lt_arena_printf(b->arena, "'" LT_STR_FMT "'", LT_STR_ARG(def->text));
    if (!what) {
        return lt_error_nomem(err, "a function");
    }
    LT_TRY(lt_native_new(b->arena, def->name, symbol, what, &native, err));
    for (uint32_t i = 0; i <= lt_native_arg_count(native); i++) {
        LT_TRY(native_type(b, native, i, err));
    }
    LT_TRY(lt_native_seal(native, b->arena, err));
    def->native = native;
    def->signature = lt_native_signature(native);
    def->deterministic = lt_native_is_deterministic(native);
    return LT_OK;
}

static lt_status define_native(lt_binder *b, const lt_ast_function *ast, lt_function_def *def,
                               lt_error *err)
{
    lt_status st = load_native(b, def, err);
    if (st != LT_OK && st != LT_ERR_NOMEM) {
        err->has_sql_pos = true;
        err->sql_pos = ast->class_name.pos;
    }
    return st;
}

/* ---- the statements ---- */

static lt_status define(lt_binder *b, const lt_ast_function *ast, const function_name *name,
                        lt_error *err)
{
    lt_binder keeper = lt_binder_lasting(b);
    lt_arena *arena = keeper.arena;
    lt_function_def *def = LT_NEW(arena, lt_function_def);
    if (!def) {
        return lt_error_nomem(err, "a function");
    }
    def->name = lt_arena_str(arena, name->path.name);
    def->text = lt_arena_str(arena, ast->class_name.text);
    def->temporary = name->temporary;
    bool kept = def->name.ptr && def->text.ptr;
    if (name->path.catalog.ptr) {
        def->catalog = lt_arena_str(arena, name->path.catalog);
        def->database = lt_arena_str(arena, name->path.database);
        kept = kept && def->catalog.ptr && def->database.ptr;
    }
    if (!kept) {
        return lt_error_nomem(err, "a function");
    }
    if (lt_str_eq(ast->language, LT_STR("SQL"))) {
        LT_TRY(define_sql(b, &keeper, ast, def, err));
    } else {
        LT_TRY(define_native(&keeper, ast, def, err));
    }
    return lt_catalog_function_store(b->catalog, def, err);
}

lt_status lt_ddl_create_function(lt_binder *b, const lt_ast_function *ast, uint32_t pos,
                                 lt_error *err)
{
    function_name name;
    LT_TRY(check_language(ast, pos, err));
    LT_TRY(resolve(b, &ast->path, ast->temporary, ast->system, &name, err));
    if (find(b, &name)) {
        return ast->if_exists ? LT_OK : exists_already(b, &name, err);
    }
    return define(b, ast, &name, err);
}

lt_status lt_ddl_alter_function(lt_binder *b, const lt_ast_function *ast, uint32_t pos,
                                lt_error *err)
{
    function_name name;
    if (ast->temporary) {
        return lt_error_set_at(err, LT_ERR_SQL, pos, "Alter temporary %s function is not supported",
                               ast->system ? "system" : "catalog");
    }
    LT_TRY(check_language(ast, pos, err));
    LT_TRY(resolve(b, &ast->path, false, false, &name, err));
    if (!find(b, &name)) {
        return ast->if_exists ? LT_OK : does_not_exist(&name, err);
    }
    return define(b, ast, &name, err);
}

lt_status lt_ddl_drop_function(lt_binder *b, const lt_ast_drop *ast, lt_error *err)
{
    function_name name;
    lt_status st = resolve(b, &ast->path, ast->temporary, ast->system, &name, err);
    if (st == LT_ERR_SQL && ast->if_exists) {
        lt_error_clear(err);
        return LT_OK;
    }
    LT_TRY(st);
    const lt_function_def *def = find(b, &name);
    if (!def) {
        return ast->if_exists ? LT_OK : does_not_exist(&name, err);
    }
    lt_catalog_function_remove(b->catalog, def);
    return LT_OK;
}
