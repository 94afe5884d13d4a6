/* SHOW, DESCRIBE, DROP. */
#include "sql/parse_int.h"

static lt_status simple_name(lt_parser *p, const lt_ast_path *path)
{
    return path->count <= 1 ? LT_OK
                            : lt_parse_error(p, path->items[1].pos, "a catalog has a simple name");
}

/* ---- SHOW --------------------------------------------------------------------------------------
 */

/* [NOT] {LIKE | ILIKE} 'pattern' */
static lt_status like(lt_parser *p, bool ilike, lt_ast_show *show)
{
    show->not_like = lt_take_kw(p, LT_KW_NOT);
    show->ilike = ilike && lt_take_kw(p, LT_KW_ILIKE);
    if (!show->ilike && !lt_take_kw(p, LT_KW_LIKE)) {
        return show->not_like ? lt_parse_expected(p, "LIKE") : LT_OK;
    }
    return lt_parse_string(p, &show->like);
}

/* {FROM | IN} path */
static lt_status in_path(lt_parser *p, lt_ast_show *show)
{
    show->in = lt_at_kw(p, LT_KW_IN);
    if (!show->in && !lt_at_kw(p, LT_KW_FROM)) {
        return LT_OK;
    }
    lt_skip(p);
    return lt_parse_path(p, &show->path);
}

static lt_status show_current(lt_parser *p, lt_ast_show *show)
{
    show->how = LT_SHOW_CURRENT;
    if (lt_take_kw(p, LT_KW_CATALOG)) {
        show->what = LT_OBJ_CATALOG;
        return LT_OK;
    }
    show->what = LT_OBJ_DATABASE;
    return lt_take_kw(p, LT_KW_DATABASE) ? LT_OK : lt_parse_expected(p, "CATALOG or DATABASE");
}

static lt_status show_create(lt_parser *p, lt_ast_show *show)
{
    show->how = LT_SHOW_CREATE;
    if (lt_take_kw(p, LT_KW_TABLE)) {
        show->what = LT_OBJ_TABLE;
    } else if (lt_take_kw(p, LT_KW_VIEW)) {
        show->what = LT_OBJ_VIEW;
    } else if (lt_take_kw(p, LT_KW_CATALOG)) {
        show->what = LT_OBJ_CATALOG;
    } else if (lt_take_kw(p, LT_KW_MODEL)) {
        show->what = LT_OBJ_MODEL;
    } else if (lt_take_kw(p, LT_KW_MATERIALIZED)) {
        LT_TRY(lt_expect_kw(p, LT_KW_TABLE));
        show->what = LT_OBJ_MATERIALIZED_TABLE;
    } else {
        return lt_parse_expected(p, "TABLE, VIEW, CATALOG, MODEL or MATERIALIZED TABLE");
    }
    return lt_parse_path(p, &show->path);
}

static lt_status show_columns(lt_parser *p, lt_ast_show *show)
{
    show->what = LT_OBJ_COLUMNS;
    LT_TRY(in_path(p, show));
    if (show->path.count == 0) {
        return lt_parse_expected(p, "FROM or IN");
    }
    return like(p, false, show);
}

static lt_status show_partitions(lt_parser *p, lt_ast_show *show)
{
    show->what = LT_OBJ_PARTITIONS;
    LT_TRY(lt_parse_path(p, &show->path));
    if (lt_take_kw(p, LT_KW_PARTITION)) {
        return lt_parse_partition(p, false, &show->partition);
    }
    return LT_OK;
}

static const struct {
    lt_keyword keyword;
    lt_ast_object what;
    bool in;    /* {FROM | IN} path may follow */
    bool like;  /* LIKE may follow */
    bool ilike; /* ILIKE too */
} lists[] = {
    {LT_KW_CATALOGS, LT_OBJ_CATALOG, false, true, true},
    {LT_KW_DATABASES, LT_OBJ_DATABASE, true, true, true},
    {LT_KW_TABLES, LT_OBJ_TABLE, true, true, false},
    {LT_KW_VIEWS, LT_OBJ_VIEW, true, true, false},
    {LT_KW_FUNCTIONS, LT_OBJ_FUNCTION, true, true, true},
    {LT_KW_PROCEDURES, LT_OBJ_PROCEDURE, true, true, true},
    {LT_KW_MODELS, LT_OBJ_MODEL, true, true, true},
    {LT_KW_MODULES, LT_OBJ_MODULES, false, false, false},
    {LT_KW_JARS, LT_OBJ_JAR, false, false, false},
    {LT_KW_JOBS, LT_OBJ_JOB, false, false, false},
};

static lt_status show_list(lt_parser *p, lt_ast_show *show)
{
    if (lt_take_kw(p, LT_KW_MATERIALIZED)) {
        LT_TRY(lt_expect_kw(p, LT_KW_TABLES));
        show->what = LT_OBJ_MATERIALIZED_TABLE;
        LT_TRY(in_path(p, show));
        return like(p, false, show);
    }
    show->user = lt_at_kw(p, LT_KW_USER) && lt_at_kw2(p, 1, LT_KW_FUNCTIONS);
    show->full = lt_at_kw(p, LT_KW_FULL) && lt_at_kw2(p, 1, LT_KW_MODULES);
    if (show->user || show->full) {
        lt_skip(p);
    }
    for (size_t i = 0; i < LT_COUNT_OF(lists); i++) {
        if (lt_take_kw(p, lists[i].keyword)) {
            show->what = lists[i].what;
            if (lists[i].in) {
                LT_TRY(in_path(p, show));
            }
            if (show->what == LT_OBJ_DATABASE) {
                LT_TRY(simple_name(p, &show->path));
            }
            return lists[i].like ? like(p, lists[i].ilike, show) : LT_OK;
        }
    }
    return lt_parse_expected(p, "what to show (TABLES, VIEWS, FUNCTIONS, DATABASES, CATALOGS, ..)");
}

lt_status lt_parse_show(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_show *show = LT_NODE(p, lt_ast_show);
    if (!show) {
        return p->err->code;
    }
    stmt->kind = LT_STMT_SHOW;
    stmt->show = show;
    lt_skip(p);
    if (lt_take_kw(p, LT_KW_CURRENT)) {
        return show_current(p, show);
    }
    if (lt_take_kw(p, LT_KW_CREATE)) {
        return show_create(p, show);
    }
    if (lt_take_kw(p, LT_KW_COLUMNS)) {
        return show_columns(p, show);
    }
    if (lt_take_kw(p, LT_KW_PARTITIONS)) {
        return show_partitions(p, show);
    }
    return show_list(p, show);
}

/* ---- DESCRIBE ----------------------------------------------------------------------------------
 */

static lt_status describe_object(lt_parser *p, lt_ast_object what, lt_ast_describe *node)
{
    node->what = what;
    lt_skip(p);
    node->extended = lt_take_kw(p, LT_KW_EXTENDED);
    LT_TRY(lt_parse_path(p, &node->path));
    return what == LT_OBJ_CATALOG ? simple_name(p, &node->path) : LT_OK;
}

lt_status lt_parse_describe(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_describe *node = LT_NODE(p, lt_ast_describe);
    if (!node) {
        return p->err->code;
    }
    stmt->kind = LT_STMT_DESCRIBE;
    stmt->describe = node;
    lt_skip(p);
    bool object = lt_at_name(p, 1) || lt_at_kw2(p, 1, LT_KW_EXTENDED);
    if (object && lt_at_kw(p, LT_KW_CATALOG)) {
        return describe_object(p, LT_OBJ_CATALOG, node);
    }
    if (object && lt_at_kw(p, LT_KW_DATABASE)) {
        return describe_object(p, LT_OBJ_DATABASE, node);
    }
    if (object && lt_at_kw(p, LT_KW_FUNCTION)) {
        return describe_object(p, LT_OBJ_FUNCTION, node);
    }
    if (object && lt_at_kw(p, LT_KW_MODEL)) {
        return describe_object(p, LT_OBJ_MODEL, node);
    }
    if (lt_at_kw(p, LT_KW_JOB) && lt_tok(p, 1)->kind == LT_TOK_STRING) {
        lt_skip(p);
        node->what = LT_OBJ_JOB;
        return lt_parse_string(p, &node->job);
    }
    node->what = LT_OBJ_TABLE;
    node->extended = lt_take_kw(p, LT_KW_EXTENDED);
    return lt_parse_path(p, &node->path);
}

/* ---- DROP --------------------------------------------------------------------------------------
 */

static const struct {
    lt_keyword keyword;
    lt_ast_object what;
} droppable[] = {
    {LT_KW_TABLE, LT_OBJ_TABLE},       {LT_KW_VIEW, LT_OBJ_VIEW},
    {LT_KW_FUNCTION, LT_OBJ_FUNCTION}, {LT_KW_MODEL, LT_OBJ_MODEL},
    {LT_KW_DATABASE, LT_OBJ_DATABASE}, {LT_KW_CATALOG, LT_OBJ_CATALOG},
};

static lt_status drop_what(lt_parser *p, lt_ast_drop *drop)
{
    uint32_t pos = lt_tok(p, 0)->pos;
    if (lt_take_kw(p, LT_KW_MATERIALIZED)) {
        drop->what = LT_OBJ_MATERIALIZED_TABLE;
        LT_TRY(lt_expect_kw(p, LT_KW_TABLE));
        return drop->temporary ? lt_parse_error(p, pos, "a materialized table is never temporary")
                               : LT_OK;
    }
    for (size_t i = 0; i < LT_COUNT_OF(droppable); i++) {
        if (!lt_take_kw(p, droppable[i].keyword)) {
            continue;
        }
        drop->what = droppable[i].what;
        bool never = drop->what == LT_OBJ_DATABASE || drop->what == LT_OBJ_CATALOG;
        if ((drop->temporary && never) || (drop->system && drop->what != LT_OBJ_FUNCTION)) {
            return lt_parse_error(p, pos, "%s does not go with %s",
                                  lt_keyword_name(droppable[i].keyword).ptr,
                                  drop->system ? "SYSTEM" : "TEMPORARY");
        }
        return LT_OK;
    }
    return lt_parse_expected(
        p, "TABLE, VIEW, FUNCTION, MODEL, DATABASE, CATALOG or MATERIALIZED TABLE");
}

lt_status lt_parse_drop(lt_parser *p, lt_ast_stmt *stmt)
{
    lt_ast_drop *drop = LT_NODE(p, lt_ast_drop);
    if (!drop) {
        return p->err->code;
    }
    stmt->kind = LT_STMT_DROP;
    stmt->drop = drop;
    lt_skip(p);
    drop->temporary = lt_take_kw(p, LT_KW_TEMPORARY);
    drop->system = lt_take_kw(p, LT_KW_SYSTEM);
    LT_TRY(drop_what(p, drop));
    LT_TRY(lt_parse_if_exists(p, &drop->if_exists));
    LT_TRY(lt_parse_path(p, &drop->path));
    if (drop->what == LT_OBJ_DATABASE && !lt_take_kw(p, LT_KW_RESTRICT)) {
        drop->cascade = lt_take_kw(p, LT_KW_CASCADE);
    }
    return LT_OK;
}
