/* Data types as DDL and CAST write them. */
#include "sql/parse_int.h"

typedef struct {
    lt_keyword keyword;
    lt_ast_type_kind kind;
    uint8_t numbers; /* how many may stand in parentheses */
} type_row;

static const type_row simple_types[] = {
    {LT_KW_BOOLEAN, LT_ASTT_BOOLEAN, 0},   {LT_KW_TINYINT, LT_ASTT_TINYINT, 0},
    {LT_KW_SMALLINT, LT_ASTT_SMALLINT, 0}, {LT_KW_INT, LT_ASTT_INT, 0},
    {LT_KW_INTEGER, LT_ASTT_INT, 0},       {LT_KW_BIGINT, LT_ASTT_BIGINT, 0},
    {LT_KW_FLOAT, LT_ASTT_FLOAT, 0},       {LT_KW_REAL, LT_ASTT_REAL, 0},
    {LT_KW_DECIMAL, LT_ASTT_DECIMAL, 2},   {LT_KW_DEC, LT_ASTT_DECIMAL, 2},
    {LT_KW_NUMERIC, LT_ASTT_DECIMAL, 2},   {LT_KW_VARCHAR, LT_ASTT_VARCHAR, 1},
    {LT_KW_STRING, LT_ASTT_STRING, 0},     {LT_KW_VARBINARY, LT_ASTT_VARBINARY, 1},
    {LT_KW_BYTES, LT_ASTT_BYTES, 0},       {LT_KW_DATE, LT_ASTT_DATE, 0},
    {LT_KW_VARIANT, LT_ASTT_VARIANT, 0},   {LT_KW_TIMESTAMP_LTZ, LT_ASTT_TIMESTAMP_LTZ, 1},
};

/* (precision) or (precision, scale), both optional. */
static lt_status numbers(lt_parser *p, int count, lt_ast_type *type)
{
    if (count == 0 || !lt_take(p, LT_TOK_LPAREN)) {
        return LT_OK;
    }
    LT_TRY(lt_parse_int(p, "a length or precision", &type->precision));
    if (count == 2 && lt_take(p, LT_TOK_COMMA)) {
        LT_TRY(lt_parse_int(p, "a scale", &type->scale));
    }
    return lt_expect(p, LT_TOK_RPAREN, "')'");
}

/* [WITHOUT TIME ZONE | WITH [LOCAL] TIME ZONE] */
static lt_status zone(lt_parser *p, lt_ast_type *type)
{
    if (lt_at_kw(p, LT_KW_WITHOUT) && lt_at_kw2(p, 1, LT_KW_TIME)) {
        lt_skip(p);
        lt_skip(p);
        return lt_expect_kw(p, LT_KW_ZONE);
    }
    bool local = lt_at_kw2(p, 1, LT_KW_LOCAL);
    if (!lt_at_kw(p, LT_KW_WITH) || !(local || lt_at_kw2(p, 1, LT_KW_TIME))) {
        return LT_OK;
    }
    uint32_t pos = lt_tok(p, 0)->pos;
    lt_skip(p);
    (void)lt_take_kw(p, LT_KW_LOCAL);
    LT_TRY(lt_expect_kw(p, LT_KW_TIME));
    LT_TRY(lt_expect_kw(p, LT_KW_ZONE));
    if (type->kind == LT_ASTT_TIME) {
        return lt_parse_unsupported(p, pos, "TIME with a time zone is not supported");
    }
    type->kind = local ? LT_ASTT_TIMESTAMP_LTZ : LT_ASTT_TIMESTAMP_TZ;
    type->postfix = local;
    return LT_OK;
}

/* CHAR, BINARY: [VARYING] [(n)] */
static lt_status varying(lt_parser *p, lt_ast_type_kind fixed, lt_ast_type_kind various,
                         lt_ast_type *type)
{
    type->kind = lt_take_kw(p, LT_KW_VARYING) ? various : fixed;
    LT_TRY(numbers(p, 1, type));
    if (lt_at_kw(p, LT_KW_CHARACTER) && lt_at_kw2(p, 1, LT_KW_SET)) {
        return lt_parse_unsupported(p, lt_tok(p, 0)->pos, "CHARACTER SET is not supported");
    }
    return LT_OK;
}

static lt_status fields(lt_parser *p, lt_token_kind close, lt_ast_type *type)
{
    if (lt_take(p, close)) {
        return LT_OK;
    }
    do {
        lt_ast_field field = {0};
        LT_TRY(lt_parse_name(p, &field.name));
        LT_TRY(lt_parse_type(p, true, &field.type));
        if (lt_at(p, LT_TOK_STRING)) {
            LT_TRY(lt_parse_string(p, &field.comment));
        }
        LT_PUSH(p, type->fields, type->field_count, field);
    } while (lt_take(p, LT_TOK_COMMA));
    return lt_expect(p, close, close == LT_TOK_GT ? "',' or '>'" : "',' or ')'");
}

static lt_status row(lt_parser *p, lt_ast_type *type)
{
    type->kind = LT_ASTT_ROW;
    if (lt_take(p, LT_TOK_NE)) { /* ROW<> */
        return LT_OK;
    }
    if (lt_take(p, LT_TOK_LPAREN)) {
        type->postfix = true;
        return fields(p, LT_TOK_RPAREN, type);
    }
    LT_TRY(lt_expect(p, LT_TOK_LT, "'<' or '('"));
    return fields(p, LT_TOK_GT, type);
}

static lt_status structured(lt_parser *p, lt_ast_type *type)
{
    type->kind = LT_ASTT_STRUCTURED;
    LT_TRY(lt_expect(p, LT_TOK_LT, "'<'"));
    LT_TRY(lt_parse_string(p, &type->class_name));
    if (lt_take(p, LT_TOK_COMMA)) {
        return fields(p, LT_TOK_GT, type);
    }
    return lt_expect(p, LT_TOK_GT, "',' or '>'");
}

static lt_status raw(lt_parser *p, lt_ast_type *type)
{
    type->kind = LT_ASTT_RAW;
    LT_TRY(lt_expect(p, LT_TOK_LPAREN, "'('"));
    LT_TRY(lt_parse_string(p, &type->class_name));
    LT_TRY(lt_expect(p, LT_TOK_COMMA, "','"));
    LT_TRY(lt_parse_string(p, &type->snapshot));
    return lt_expect(p, LT_TOK_RPAREN, "')'");
}

/* ARRAY<t>, MULTISET<t>, MAP<k, v>; the word is taken. */
static lt_status collection(lt_parser *p, lt_ast_type_kind kind, lt_ast_type *type)
{
    type->kind = kind;
    LT_TRY(lt_expect(p, LT_TOK_LT, "'<'"));
    LT_TRY(lt_parse_type(p, true, &type->children[0]));
    if (kind == LT_ASTT_MAP) {
        LT_TRY(lt_expect(p, LT_TOK_COMMA, "','"));
        LT_TRY(lt_parse_type(p, true, &type->children[1]));
    }
    return lt_expect(p, LT_TOK_GT, "'>'");
}

static bool simple(lt_keyword keyword, type_row *out)
{
    for (size_t i = 0; i < LT_COUNT_OF(simple_types); i++) {
        if (simple_types[i].keyword == keyword) {
            *out = simple_types[i];
            return true;
        }
    }
    return false;
}

static lt_status type_name(lt_parser *p, lt_ast_type *type)
{
    const lt_token *token = lt_tok(p, 0);
    lt_keyword keyword = token->kind == LT_TOK_WORD ? (lt_keyword)token->keyword : LT_KEYWORD_NOT;
    type_row found;
    if (simple(keyword, &found)) {
        lt_skip(p);
        type->kind = found.kind;
        return numbers(p, found.numbers, type);
    }
    if (keyword == LT_KW_MAP && lt_tok(p, 1)->kind == LT_TOK_LT) {
        lt_skip(p);
        return collection(p, LT_ASTT_MAP, type);
    }
    if (lt_take_kw(p, LT_KW_DOUBLE)) {
        (void)lt_take_kw(p, LT_KW_PRECISION);
        type->kind = LT_ASTT_DOUBLE;
        return LT_OK;
    }
    if (lt_take_kw(p, LT_KW_CHAR) || lt_take_kw(p, LT_KW_CHARACTER)) {
        return varying(p, LT_ASTT_CHAR, LT_ASTT_VARCHAR, type);
    }
    if (lt_take_kw(p, LT_KW_BINARY)) {
        return varying(p, LT_ASTT_BINARY, LT_ASTT_VARBINARY, type);
    }
    if (keyword == LT_KW_TIME || keyword == LT_KW_TIMESTAMP) {
        lt_skip(p);
        type->kind = keyword == LT_KW_TIME ? LT_ASTT_TIME : LT_ASTT_TIMESTAMP;
        LT_TRY(numbers(p, 1, type));
        return zone(p, type);
    }
    if (lt_take_kw(p, LT_KW_INTERVAL)) {
        type->kind = LT_ASTT_INTERVAL;
        return lt_parse_interval(p, &type->interval);
    }
    if (lt_take_kw(p, LT_KW_ARRAY)) {
        return collection(p, LT_ASTT_ARRAY, type);
    }
    if (lt_take_kw(p, LT_KW_MULTISET)) {
        return collection(p, LT_ASTT_MULTISET, type);
    }
    if (lt_take_kw(p, LT_KW_ROW)) {
        return row(p, type);
    }
    if (lt_take_kw(p, LT_KW_RAW)) {
        return raw(p, type);
    }
    if (lt_take_kw(p, LT_KW_STRUCTURED)) {
        return structured(p, type);
    }
    if (!lt_at_name(p, 0)) {
        return lt_parse_expected(p, "a type");
    }
    if (lt_at_word(p, 0, "BITMAP")) {
        return lt_parse_unsupported(p, token->pos, "the type BITMAP belongs to Flink 2.3");
    }
    type->kind = LT_ASTT_USER;
    return lt_parse_path(p, &type->path);
}

/* [NOT] NULL; *not_null tells. */
static lt_status nullability(lt_parser *p, bool *not_null)
{
    *not_null = false;
    if (lt_take_kw(p, LT_KW_NULL)) {
        return LT_OK;
    }
    if (lt_at_kw(p, LT_KW_NOT) && lt_at_kw2(p, 1, LT_KW_NULL)) {
        lt_skip(p);
        lt_skip(p);
        *not_null = true;
    }
    return LT_OK;
}

static bool at_suffix(const lt_parser *p, uint32_t ahead)
{
    return lt_at_kw2(p, ahead, LT_KW_ARRAY) || lt_at_kw2(p, ahead, LT_KW_MULTISET);
}

/* `ARRAY` or `MULTISET` behind a type, perhaps with [NOT] NULL between. */
static bool at_collection_suffix(const lt_parser *p, bool nullable_suffix)
{
    uint32_t ahead = 0;
    if (nullable_suffix) {
        ahead = lt_at_kw2(p, 0, LT_KW_NULL)                                 ? 1
                : lt_at_kw2(p, 0, LT_KW_NOT) && lt_at_kw2(p, 1, LT_KW_NULL) ? 2
                                                                            : 0;
    }
    return at_suffix(p, ahead);
}

lt_status lt_parse_type(lt_parser *p, bool nullable_suffix, lt_ast_type **out)
{
    LT_TRY(lt_parse_enter(p, 1, 1));
    uint32_t saved = p->reach;
    p->reach = p->level;
    lt_ast_type *type = LT_NODE(p, lt_ast_type);
    if (!type) {
        return p->err->code;
    }
    type->pos = lt_tok(p, 0)->pos;
    type->precision = -1;
    type->scale = -1;
    LT_TRY(type_name(p, type));
    while (at_collection_suffix(p, nullable_suffix)) {
        LT_TRY(nullability(p, &type->not_null));
        lt_ast_type *outer = LT_NODE(p, lt_ast_type);
        if (!outer) {
            return p->err->code;
        }
        *outer = (lt_ast_type){.kind = lt_at_kw(p, LT_KW_ARRAY) ? LT_ASTT_ARRAY : LT_ASTT_MULTISET,
                               .pos = type->pos,
                               .postfix = true,
                               .precision = -1,
                               .scale = -1,
                               .children = {type, NULL}};
        lt_skip(p);
        LT_TRY(lt_parse_reach(p, p->reach + 1));
        type = outer;
    }
    if (nullable_suffix) {
        LT_TRY(nullability(p, &type->not_null));
    }
    p->reach = LT_MAX(saved, p->reach);
    lt_parse_leave(p, 1, 1);
    *out = type;
    return LT_OK;
}
