/* Reading JSON paths, by recursive descent. A path is read once when its statement is planned, or
 * once a row when it is not a literal; everything lies in one arena. */
#include "expr/jsonpath.h"

#include "expr/jsonpath_int.h"

#define STEPS_MAX 64
#define DEPTH_MAX 32

typedef struct {
    lt_str s;
    size_t at;
    lt_arena *arena;
    lt_json_path *top; /* where regular expressions are listed */
    const char *why;
    bool nomem;
    int depth;
} reader;

static bool fail(reader *r, const char *why)
{
    if (r->why == NULL) {
        r->why = why;
    }
    return false;
}

static bool no_memory(reader *r)
{
    r->nomem = true;
    return false;
}

static bool at_end(const reader *r)
{
    return r->at >= r->s.len;
}

static char look(const reader *r)
{
    return at_end(r) ? '\0' : r->s.ptr[r->at];
}

static bool take(reader *r, char c)
{
    if (look(r) == c && !at_end(r)) {
        r->at++;
        return true;
    }
    return false;
}

static bool take_text(reader *r, const char *text)
{
    size_t len = strlen(text);
    if (r->s.len - r->at >= len && memcmp(r->s.ptr + r->at, text, len) == 0) {
        r->at += len;
        return true;
    }
    return false;
}

static void blanks(reader *r)
{
    while (look(r) == ' ' && !at_end(r)) {
        r->at++;
    }
}

static bool read_int(reader *r, int64_t *out)
{
    size_t from = r->at;
    (void)take(r, '-');
    while (look(r) >= '0' && look(r) <= '9') {
        r->at++;
    }
    return lt_str_to_i64((lt_str){r->s.ptr + from, r->at - from}, out);
}

/* Text in quotes; a backslash takes the next character as it is. */
static bool read_quoted(reader *r, lt_str *out)
{
    char quote = look(r);
    size_t from = ++r->at;
    bool escaped = false;
    while (!at_end(r) && look(r) != quote) {
        escaped = escaped || look(r) == '\\';
        r->at += look(r) == '\\' && r->at + 1 < r->s.len ? 2 : 1;
    }
    if (at_end(r)) {
        return fail(r, "a quote is not closed");
    }
    *out = (lt_str){r->s.ptr + from, r->at - from};
    r->at++;
    if (!escaped) {
        return true;
    }
    char *plain = lt_arena_alloc(r->arena, out->len + 1, 1);
    if (plain == NULL) {
        return no_memory(r);
    }
    size_t len = 0;
    for (size_t i = 0; i < out->len; i++) {
        i += out->ptr[i] == '\\' && i + 1 < out->len;
        plain[len++] = out->ptr[i];
    }
    *out = (lt_str){plain, len};
    return true;
}

static bool read_path(reader *r, lt_json_path *path);
static bool read_or(reader *r, const lt_json_filter **out);

/* ---- filters ---- */

static bool read_literal(reader *r, lt_json **out);

static bool read_list(reader *r, lt_json *list)
{
    lt_json **link = &list->first;
    list->kind = LT_JSON_ARRAY;
    r->at++;
    blanks(r);
    if (take(r, ']')) {
        return true;
    }
    while (true) {
        blanks(r);
        if (!read_literal(r, link)) {
            return false;
        }
        link = &(*link)->next;
        list->count++;
        blanks(r);
        if (take(r, ']')) {
            return true;
        }
        if (!take(r, ',')) {
            return fail(r, "a list of values is not closed");
        }
    }
}

static bool read_number(reader *r, lt_json *value)
{
    size_t from = r->at;
    while (!at_end(r) && strchr("+-.0123456789eE", look(r)) != NULL) {
        r->at++;
    }
    double ignored;
    value->kind = LT_JSON_NUMBER;
    value->text = (lt_str){r->s.ptr + from, r->at - from};
    return lt_str_to_f64(value->text, &ignored) || fail(r, "a value of a filter is not understood");
}

static bool read_literal(reader *r, lt_json **out)
{
    lt_json *value = LT_NEW(r->arena, lt_json);
    if (value == NULL) {
        return no_memory(r);
    }
    *out = value;
    if (look(r) == '\'' || look(r) == '"') {
        value->kind = LT_JSON_STRING;
        return read_quoted(r, &value->text);
    }
    if (look(r) == '[') {
        return read_list(r, value);
    }
    if (take_text(r, "true")) {
        value->kind = LT_JSON_TRUE;
        return true;
    }
    if (take_text(r, "false")) {
        value->kind = LT_JSON_FALSE;
        return true;
    }
    if (take_text(r, "null")) {
        value->kind = LT_JSON_NULL;
        return true;
    }
    return read_number(r, value);
}

/* /pattern/flags: it must match the whole text. */
static bool read_regex(reader *r, lt_json_operand *operand)
{
    size_t from = ++r->at;
    while (!at_end(r) && look(r) != '/') {
        r->at += look(r) == '\\' && r->at + 1 < r->s.len ? 2 : 1;
    }
    if (at_end(r)) {
        return fail(r, "a regular expression is not closed");
    }
    lt_str pattern = {r->s.ptr + from, r->at - from};
    r->at++;
    char flags[8] = "";
    size_t used = 0;
    while (!at_end(r) && strchr("imsxud", look(r)) != NULL && used < sizeof flags - 1) {
        flags[used++] = r->s.ptr[r->at++];
        flags[used] = '\0';
    }
    if (r->top->regex_count == LT_JSON_REGEX_MAX) {
        return fail(r, "more than 8 regular expressions");
    }
    char *whole = lt_arena_printf(r->arena, "\\A%s%s%s(?:%.*s)\\z", used > 0 ? "(?" : "", flags,
                                  used > 0 ? ")" : "", (int)pattern.len, pattern.ptr);
    if (whole == NULL) {
        return no_memory(r);
    }
    operand->regex = r->top->regex_count;
    r->top->regexes[r->top->regex_count++] = lt_str_of(whole);
    return true;
}

static bool read_operand(reader *r, lt_json_operand *operand)
{
    blanks(r);
    if (look(r) == '/') {
        return read_regex(r, operand);
    }
    if (look(r) != '@' && look(r) != '$') {
        return read_literal(r, &operand->literal);
    }
    operand->of_root = look(r) == '$';
    r->at++;
    lt_json_path *path = LT_NEW(r->arena, lt_json_path);
    if (path == NULL) {
        return no_memory(r);
    }
    operand->path = path;
    return read_path(r, path);
}

static const struct {
    const char *text;
    lt_json_filter_op op;
} operators[] = {
    {"===", LT_FILTER_SAME},       {"!==", LT_FILTER_NOT_SAME},
    {"==", LT_FILTER_EQ},          {"!=", LT_FILTER_NE},
    {"<=", LT_FILTER_LE},          {">=", LT_FILTER_GE},
    {"<", LT_FILTER_LT},           {">", LT_FILTER_GT},
    {"=~", LT_FILTER_MATCH},       {"in ", LT_FILTER_IN},
    {"nin ", LT_FILTER_NIN},       {"contains ", LT_FILTER_CONTAINS},
    {"size ", LT_FILTER_SIZE},     {"empty ", LT_FILTER_EMPTY},
    {"anyof ", LT_FILTER_ANYOF},   {"subsetof ", LT_FILTER_SUBSETOF},
    {"noneof ", LT_FILTER_NONEOF},
};

static bool read_comparison(reader *r, lt_json_filter *filter)
{
    if (!read_operand(r, &filter->a)) {
        return false;
    }
    blanks(r);
    for (size_t i = 0; i < LT_COUNT_OF(operators); i++) {
        if (!take_text(r, operators[i].text)) {
            continue;
        }
        filter->op = operators[i].op;
        if (!read_operand(r, &filter->b)) {
            return false;
        }
        bool regex = filter->b.path == NULL && filter->b.literal == NULL;
        return regex == (filter->op == LT_FILTER_MATCH) ||
               fail(r, "a regular expression stands behind =~ only");
    }
    filter->op = LT_FILTER_EXISTS;
    if (filter->a.path == NULL) {
        return fail(r, "a filter compares nothing");
    }
    bool over = look(r) == ')' || look(r) == '&' || look(r) == '|';
    return over || fail(r, "an operator of a filter is not understood");
}

static bool read_term(reader *r, const lt_json_filter **out)
{
    lt_json_filter *filter = LT_NEW(r->arena, lt_json_filter);
    if (filter == NULL) {
        return no_memory(r);
    }
    blanks(r);
    if (++r->depth > DEPTH_MAX) {
        return fail(r, "it is nested too deeply");
    }
    bool good;
    if (take(r, '!')) {
        filter->op = LT_FILTER_NOT;
        good = read_term(r, &filter->left);
        *out = filter;
    } else if (take(r, '(')) {
        good = read_or(r, out) && (take(r, ')') || fail(r, "a parenthesis is not closed"));
    } else {
        good = read_comparison(r, filter);
        *out = filter;
    }
    r->depth--;
    blanks(r);
    return good;
}

static bool read_chain(reader *r, lt_json_filter_op op, const lt_json_filter **out)
{
    bool conjunction = op == LT_FILTER_AND;
    if (conjunction ? !read_term(r, out) : !read_chain(r, LT_FILTER_AND, out)) {
        return false;
    }
    blanks(r);
    while (take_text(r, conjunction ? "&&" : "||")) {
        lt_json_filter *filter = LT_NEW(r->arena, lt_json_filter);
        if (filter == NULL) {
            return no_memory(r);
        }
        filter->op = op;
        filter->left = *out;
        *out = filter;
        if (conjunction ? !read_term(r, &filter->right)
                        : !read_chain(r, LT_FILTER_AND, &filter->right)) {
            return false;
        }
        blanks(r);
    }
    return true;
}

static bool read_or(reader *r, const lt_json_filter **out)
{
    return read_chain(r, LT_FILTER_OR, out);
}

/* ---- steps ---- */

static const struct {
    const char *name;
    lt_json_function function;
} path_functions[] = {
    {"length", LT_PATH_LENGTH}, {"size", LT_PATH_LENGTH}, {"min", LT_PATH_MIN},
    {"max", LT_PATH_MAX},       {"avg", LT_PATH_AVG},     {"sum", LT_PATH_SUM},
    {"stddev", LT_PATH_STDDEV}, {"first", LT_PATH_FIRST}, {"last", LT_PATH_LAST},
    {"index", LT_PATH_INDEX},   {"keys", LT_PATH_KEYS},
};

/* Behind the opening parenthesis. */
static bool read_function(reader *r, lt_str name, lt_json_step *step)
{
    step->kind = LT_STEP_FUNCTION;
    for (size_t i = 0; i < LT_COUNT_OF(path_functions); i++) {
        if (!lt_str_eq(name, lt_str_of(path_functions[i].name))) {
            continue;
        }
        step->function = path_functions[i].function;
        blanks(r);
        if (step->function == LT_PATH_INDEX && !read_int(r, &step->from)) {
            return fail(r, "index(n) takes a number");
        }
        blanks(r);
        return take(r, ')') || fail(r, "a function of a path takes no arguments, but for index(n)");
    }
    return fail(r,
                "functions of paths are length size min max avg sum stddev first last index keys");
}

/* Room for one more key or index: lists are short, each is copied as it grows. */
static bool grow(reader *r, lt_json_step *step)
{
    lt_str *keys = LT_NEW_ARRAY(r->arena, lt_str, step->count + 1);
    int64_t *indexes = LT_NEW_ARRAY(r->arena, int64_t, step->count + 1);
    if (keys == NULL || indexes == NULL) {
        return no_memory(r);
    }
    if (step->count > 0) {
        memcpy(keys, step->keys, step->count * sizeof *keys);
        memcpy(indexes, step->indexes, step->count * sizeof *indexes);
    }
    step->keys = keys;
    step->indexes = indexes;
    step->count++;
    return true;
}

static bool read_names(reader *r, lt_json_step *step)
{
    step->kind = LT_STEP_KEYS;
    while (true) {
        blanks(r);
        if (look(r) != '\'' && look(r) != '"') {
            return fail(r, "names in brackets stand in quotes");
        }
        if (!grow(r, step) || !read_quoted(r, &step->keys[step->count - 1])) {
            return false;
        }
        blanks(r);
        if (!take(r, ',')) {
            return true;
        }
    }
}

static bool read_numbers(reader *r, lt_json_step *step)
{
    step->kind = LT_STEP_INDEXES;
    step->from = INT64_MIN;
    step->to = INT64_MAX;
    bool has_from = read_int(r, &step->from);
    blanks(r);
    if (take(r, ':')) {
        step->kind = LT_STEP_SLICE;
        step->from = has_from ? step->from : INT64_MIN;
        blanks(r);
        int64_t to;
        step->to = read_int(r, &to) ? to : INT64_MAX;
        return true;
    }
    while (has_from) {
        if (!grow(r, step)) {
            return false;
        }
        step->indexes[step->count - 1] = step->from;
        blanks(r);
        if (!take(r, ',')) {
            return true;
        }
        blanks(r);
        has_from = read_int(r, &step->from);
    }
    return fail(r, "what stands in brackets is not understood");
}

static bool read_bracket(reader *r, lt_json_step *step)
{
    bool good;
    blanks(r);
    if (take(r, '*')) {
        step->kind = LT_STEP_ALL;
        good = true;
    } else if (look(r) == '\'' || look(r) == '"') {
        good = read_names(r, step);
    } else if (take(r, '?')) {
        step->kind = LT_STEP_FILTER;
        blanks(r);
        good = (take(r, '(') || fail(r, "a filter is written [?(..)]")) &&
               read_or(r, &step->filter) &&
               (take(r, ')') || fail(r, "an operator of a filter is not understood"));
    } else {
        good = read_numbers(r, step);
    }
    blanks(r);
    return good && (take(r, ']') || fail(r, "a bracket is not closed"));
}

static bool read_name(reader *r, lt_json_step *step)
{
    size_t from = r->at;
    while (!at_end(r) && strchr(".[ ()=<>!&|,", look(r)) == NULL) {
        r->at++;
    }
    lt_str name = {r->s.ptr + from, r->at - from};
    if (name.len == 0) {
        return fail(r, "a name is missing");
    }
    if (take(r, '(')) {
        return read_function(r, name, step);
    }
    step->kind = LT_STEP_KEYS;
    if (!grow(r, step)) {
        return false;
    }
    step->keys[0] = name;
    return true;
}

static bool read_step(reader *r, lt_json_step *step)
{
    if (take(r, '[')) {
        return read_bracket(r, step);
    }
    r->at++; /* the point */
    step->deep = take(r, '.');
    if (step->deep && take(r, '[')) {
        return read_bracket(r, step);
    }
    if (take(r, '*')) {
        step->kind = LT_STEP_ALL;
        return true;
    }
    return read_name(r, step);
}

/* Several names give one object where they stand last, else a list. */
static bool is_definite(const lt_json_step *step, bool last)
{
    if (step->deep) {
        return false;
    }
    return step->kind == LT_STEP_FUNCTION ||
           (step->kind == LT_STEP_KEYS && (step->count == 1 || last)) ||
           (step->kind == LT_STEP_INDEXES && step->count == 1);
}

/* Behind `$` or `@`, up to what is no step. */
static bool read_path(reader *r, lt_json_path *path)
{
    lt_json_step steps[STEPS_MAX];
    memset(steps, 0, sizeof steps);
    if (++r->depth > DEPTH_MAX) {
        return fail(r, "it is nested too deeply");
    }
    while (look(r) == '.' || look(r) == '[') {
        if (path->count == STEPS_MAX) {
            return fail(r, "it has too many steps");
        }
        if (!read_step(r, &steps[path->count])) {
            return false;
        }
        path->count++;
    }
    r->depth--;
    path->steps = LT_NEW_ARRAY(r->arena, lt_json_step, path->count + 1);
    if (path->steps == NULL) {
        return no_memory(r);
    }
    memcpy(path->steps, steps, path->count * sizeof *steps);
    path->definite = true;
    for (uint32_t i = 0; i < path->count; i++) {
        lt_json_step *step = &path->steps[i];
        if (step->count == 1 && step->kind == LT_STEP_KEYS) {
            step->key = step->keys[0];
        } else if (step->count == 1 && step->kind == LT_STEP_INDEXES) {
            step->from = step->indexes[0];
        }
        path->definite = path->definite && is_definite(&steps[i], i + 1 == path->count);
    }
    /* A function behind `$..` is of all that was found. */
    if (path->count > 1 && steps[0].deep && steps[path->count - 1].kind == LT_STEP_FUNCTION) {
        path->definite = true;
    }
    return true;
}

/* The mode stands in front, in any case, with a blank behind. */
static void read_mode(reader *r, lt_json_path *path)
{
    static const struct {
        lt_str name;
        bool strict;
    } modes[] = {{{"strict", 6}, true}, {{"lax", 3}, false}};
    path->strict = true;
    blanks(r);
    for (size_t i = 0; i < LT_COUNT_OF(modes); i++) {
        lt_str rest = {r->s.ptr + r->at, r->s.len - r->at};
        size_t len = modes[i].name.len;
        if (rest.len > len && rest.ptr[len] == ' ' &&
            lt_str_eq_ci((lt_str){rest.ptr, len}, modes[i].name)) {
            path->strict = modes[i].strict;
            r->at += len;
            blanks(r);
            return;
        }
    }
}

bool lt_json_path_parse(lt_str text, lt_arena *arena, lt_json_path *path, const char **why)
{
    memset(path, 0, sizeof *path);
    reader r = {.s = lt_str_trim(text), .arena = arena, .top = path};
    read_mode(&r, path);
    bool good;
    if (at_end(&r)) {
        good = fail(&r, "it is empty");
    } else if (take(&r, '$')) {
        good = read_path(&r, path);
    } else {
        /* Without `$` it begins with a name. */
        char *full = lt_arena_printf(arena, "$.%.*s", (int)(r.s.len - r.at), r.s.ptr + r.at);
        if (full == NULL) {
            *why = NULL;
            return false;
        }
        r.s = lt_str_of(full);
        r.at = 1;
        good = read_path(&r, path);
    }
    if (good && !at_end(&r)) {
        good = fail(&r, look(&r) == ' ' ? "names with blanks are written ['a b']"
                                        : "what stands at its end is not understood");
    }
    *why = r.nomem ? NULL : r.why;
    return good;
}
