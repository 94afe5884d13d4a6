/* Following a compiled JSON path: every step maps a list of values to the next. The order of what
 * comes out is that of a walk depth first. Where a step can be taken only by an array or an object
 * and all steps so far were definite, another value means that the path leads nowhere. */
#include <math.h>

#include "expr/javafmt.h"
#include "expr/jsonpath_int.h"
#include "expr/regex.h"

typedef struct {
    lt_json **items;
    uint32_t count, cap;
} found;

static void push(lt_json_walk *w, found *f, lt_json *value)
{
    if (value == NULL || w->nomem) {
        return;
    }
    if (f->count == f->cap) {
        uint32_t cap = f->cap ? f->cap * 2 : 8;
        lt_json **items = LT_NEW_ARRAY(w->arena, lt_json *, cap);
        if (items == NULL) {
            w->nomem = true;
            return;
        }
        if (f->count > 0) {
            memcpy(items, f->items, f->count * sizeof *items);
        }
        f->items = items;
        f->cap = cap;
    }
    f->items[f->count++] = value;
}

static lt_json *new_value(lt_json_walk *w, lt_json_kind kind)
{
    lt_json *value = LT_NEW(w->arena, lt_json);
    if (value == NULL) {
        w->nomem = true;
        return NULL;
    }
    value->kind = kind;
    return value;
}

/* Copies of the values under a new array or object. */
static lt_json *list_of(lt_json_walk *w, lt_json_kind kind, const found *values)
{
    lt_json *list = new_value(w, kind);
    if (list == NULL) {
        return NULL;
    }
    list->count = values->count;
    lt_json **link = &list->first;
    for (uint32_t i = 0; i < values->count; i++) {
        lt_json *copy = new_value(w, LT_JSON_NULL);
        if (copy == NULL) {
            return NULL;
        }
        *copy = *values->items[i];
        copy->next = NULL;
        *link = copy;
        link = &copy->next;
    }
    return list;
}

static lt_json *number(lt_json_walk *w, double value)
{
    lt_json *result = new_value(w, LT_JSON_NUMBER);
    char *text = lt_arena_alloc(w->arena, LT_NUMBER_TEXT_MAX, 1);
    if (result == NULL || text == NULL) {
        w->nomem = true;
        return NULL;
    }
    result->text = (lt_str){text, lt_format_f64(value, text)};
    return result;
}

static lt_json *integer(lt_json_walk *w, int64_t value)
{
    lt_json *result = new_value(w, LT_JSON_NUMBER);
    char *text = lt_arena_alloc(w->arena, LT_NUMBER_TEXT_MAX, 1);
    if (result == NULL || text == NULL) {
        w->nomem = true;
        return NULL;
    }
    result->text = (lt_str){text, lt_format_i64(value, text)};
    return result;
}

static lt_json *element_at(lt_json *array, int64_t index)
{
    index += index < 0 ? (int64_t)array->count : 0;
    lt_json *item = index < 0 || index >= (int64_t)array->count ? NULL : array->first;
    for (int64_t i = 0; item != NULL && i < index; i++) {
        item = item->next;
    }
    return item;
}

static lt_json *member_of(lt_json *value, lt_str key)
{
    lt_json *hit = NULL;
    for (lt_json *m = value->kind == LT_JSON_OBJECT ? value->first : NULL; m != NULL; m = m->next) {
        if (lt_str_eq(m->key, key)) {
            hit = m; /* the last of equal keys counts */
        }
    }
    return hit;
}

/* ---- functions ---- */

static lt_json *aggregate(lt_json_walk *w, lt_json_function function, const lt_json *array)
{
    double sum = 0, squares = 0, least = INFINITY, most = -INFINITY;
    int64_t count = 0;
    for (const lt_json *item = array->kind == LT_JSON_ARRAY ? array->first : NULL; item != NULL;
         item = item->next) {
        double x;
        if (item->kind == LT_JSON_NUMBER && lt_str_to_f64(item->text, &x)) {
            sum += x;
            squares += x * x;
            least = x < least ? x : least;
            most = x > most ? x : most;
            count++;
        }
    }
    if (count == 0) {
        w->missing = true;
        return NULL;
    }
    double n = (double)count;
    switch ((int)function) {
    case LT_PATH_MIN:
        return number(w, least);
    case LT_PATH_MAX:
        return number(w, most);
    case LT_PATH_AVG:
        return number(w, sum / n);
    case LT_PATH_SUM:
        return number(w, sum);
    default:
        return number(w, sqrt(squares / n - sum * sum / n / n));
    }
}

static lt_json *keys_of(lt_json_walk *w, const lt_json *object)
{
    found keys = {0};
    for (const lt_json *m = object->first; m != NULL; m = m->next) {
        lt_json *key = new_value(w, LT_JSON_STRING);
        if (key != NULL) {
            key->text = m->key;
            push(w, &keys, key);
        }
    }
    return list_of(w, LT_JSON_ARRAY, &keys);
}

static lt_json *call_function(lt_json_walk *w, const lt_json_step *step, lt_json *value)
{
    bool array = value->kind == LT_JSON_ARRAY, object = value->kind == LT_JSON_OBJECT;
    lt_json *result = NULL;
    switch (step->function) {
    case LT_PATH_LENGTH:
        result = array || object ? integer(w, value->count) : new_value(w, LT_JSON_NULL);
        break;
    case LT_PATH_FIRST:
        result = array ? element_at(value, 0) : NULL;
        break;
    case LT_PATH_LAST:
        result = array ? element_at(value, -1) : NULL;
        break;
    case LT_PATH_INDEX:
        result = array ? element_at(value, step->from) : NULL;
        break;
    case LT_PATH_KEYS:
        result = object ? keys_of(w, value) : new_value(w, LT_JSON_NULL);
        break;
    case LT_PATH_MIN:
    case LT_PATH_MAX:
    case LT_PATH_AVG:
    case LT_PATH_SUM:
    case LT_PATH_STDDEV:
        result = aggregate(w, step->function, value);
        break;
    }
    w->missing = w->missing || result == NULL;
    return result;
}

/* ---- filters ---- */

static bool eval_filter(lt_json_walk *w, const lt_json_filter *filter, lt_json *item);
static lt_json *walk_path(lt_json_walk *w, const lt_json_path *path, lt_json *from);

static lt_json *operand_value(lt_json_walk *w, const lt_json_operand *operand, lt_json *item)
{
    if (operand->path == NULL) {
        return operand->literal;
    }
    bool missing = w->missing;
    lt_json *value = walk_path(w, operand->path, operand->of_root ? w->root : item);
    w->missing = missing; /* what a filter does not find is no error of the whole */
    return value;
}

static bool as_number(const lt_json *value, double *out)
{
    bool text = value->kind == LT_JSON_NUMBER || value->kind == LT_JSON_STRING;
    return text && lt_str_to_f64(value->text, out);
}

static bool same_value(const lt_json *a, const lt_json *b);

static bool same_items(const lt_json *a, const lt_json *b)
{
    if (a->count != b->count) {
        return false;
    }
    const lt_json *y = b->first;
    for (const lt_json *x = a->first; x != NULL; x = x->next) {
        if (a->kind == LT_JSON_OBJECT) {
            y = b->first;
            while (y != NULL && !lt_str_eq(x->key, y->key)) {
                y = y->next;
            }
        }
        if (y == NULL || !same_value(x, y)) {
            return false;
        }
        y = y->next;
    }
    return true;
}

/* Numbers by value; a number beside text is compared as what stands at the left. */
static bool same_value(const lt_json *a, const lt_json *b)
{
    double x, y;
    if (a->kind == LT_JSON_NUMBER) {
        return as_number(a, &x) && as_number(b, &y) && x == y;
    }
    if (a->kind == LT_JSON_STRING) {
        return (b->kind == LT_JSON_STRING || b->kind == LT_JSON_NUMBER) &&
               lt_str_eq(a->text, b->text);
    }
    if (a->kind != b->kind) {
        return false;
    }
    return (a->kind != LT_JSON_ARRAY && a->kind != LT_JSON_OBJECT) || same_items(a, b);
}

static bool in_list(const lt_json *value, const lt_json *list)
{
    for (const lt_json *item = list->kind == LT_JSON_ARRAY ? list->first : NULL; item != NULL;
         item = item->next) {
        if (same_value(value, item)) {
            return true;
        }
    }
    return false;
}

/* How many of a's items are in b. */
static uint32_t common_items(const lt_json *a, const lt_json *b)
{
    uint32_t count = 0;
    for (const lt_json *item = a->first; item != NULL; item = item->next) {
        count += in_list(item, b);
    }
    return count;
}

/* -2: they have no order */
static int order_of(const lt_json *a, const lt_json *b)
{
    double x, y;
    if (a->kind == LT_JSON_NUMBER && b->kind == LT_JSON_NUMBER && as_number(a, &x) &&
        as_number(b, &y)) {
        return (x > y) - (x < y);
    }
    if (a->kind == LT_JSON_STRING && b->kind == LT_JSON_STRING) {
        int order = lt_str_cmp(a->text, b->text);
        return (order > 0) - (order < 0);
    }
    return -2;
}

static bool matches(lt_json_walk *w, uint32_t regex, const lt_json *value)
{
    if (value->kind != LT_JSON_STRING && value->kind != LT_JSON_NUMBER) {
        return false;
    }
    if (w->regexes[regex] == NULL) {
        lt_regex_verdict verdict;
        w->regexes[regex] = lt_regex_new_java(w->mem, w->path->regexes[regex], &verdict, NULL);
        w->nomem = w->nomem || verdict == LT_REGEX_NOMEM;
    }
    return w->regexes[regex] != NULL &&
           lt_regex_find(w->regexes[regex], value->text, 0) == LT_REGEX_HIT;
}

static bool has_size(const lt_json *value, const lt_json *size)
{
    double want;
    double count = value->kind == LT_JSON_STRING  ? (double)value->text.len
                   : value->kind == LT_JSON_ARRAY ? (double)value->count
                                                  : -1;
    return as_number(size, &want) && count == want;
}

static bool is_empty(const lt_json *value, const lt_json *want)
{
    bool sized = value->kind == LT_JSON_STRING || value->kind == LT_JSON_ARRAY ||
                 value->kind == LT_JSON_OBJECT;
    bool empty = value->kind == LT_JSON_STRING ? value->text.len == 0 : value->count == 0;
    return sized && empty == (want->kind == LT_JSON_TRUE);
}

static bool contains(const lt_json *value, const lt_json *part)
{
    if (value->kind == LT_JSON_STRING && part->kind == LT_JSON_STRING) {
        for (size_t i = 0; i + part->text.len <= value->text.len; i++) {
            if (memcmp(value->text.ptr + i, part->text.ptr, part->text.len) == 0) {
                return true;
            }
        }
        return false;
    }
    return in_list(part, value);
}

static bool compare(lt_json_filter_op op, const lt_json *a, const lt_json *b)
{
    bool lists = a->kind == LT_JSON_ARRAY && b->kind == LT_JSON_ARRAY;
    int order;
    switch ((int)op) {
    case LT_FILTER_EQ:
        return same_value(a, b);
    case LT_FILTER_NE:
        return !same_value(a, b);
    case LT_FILTER_SAME:
        return a->kind == b->kind && same_value(a, b);
    case LT_FILTER_NOT_SAME:
        return a->kind != b->kind || !same_value(a, b);
    case LT_FILTER_LT:
        return order_of(a, b) == -1;
    case LT_FILTER_LE:
        order = order_of(a, b);
        return order == -1 || order == 0;
    case LT_FILTER_GT:
        return order_of(a, b) == 1;
    case LT_FILTER_GE:
        return order_of(a, b) >= 0;
    case LT_FILTER_IN:
        return in_list(a, b);
    case LT_FILTER_NIN:
        return !in_list(a, b);
    case LT_FILTER_CONTAINS:
        return contains(a, b);
    case LT_FILTER_SIZE:
        return has_size(a, b);
    case LT_FILTER_EMPTY:
        return is_empty(a, b);
    case LT_FILTER_ANYOF:
        return lists && common_items(a, b) > 0;
    case LT_FILTER_NONEOF:
        return lists && common_items(a, b) == 0;
    default:
        return lists && common_items(a, b) == a->count;
    }
}

static bool eval_filter(lt_json_walk *w, const lt_json_filter *filter, lt_json *item)
{
    if (filter->op == LT_FILTER_OR) {
        return eval_filter(w, filter->left, item) || eval_filter(w, filter->right, item);
    }
    if (filter->op == LT_FILTER_AND) {
        return eval_filter(w, filter->left, item) && eval_filter(w, filter->right, item);
    }
    if (filter->op == LT_FILTER_NOT) {
        return !eval_filter(w, filter->left, item);
    }
    const lt_json *a = operand_value(w, &filter->a, item);
    if (filter->op == LT_FILTER_EXISTS) {
        return a != NULL;
    }
    if (filter->op == LT_FILTER_MATCH) {
        return a != NULL && matches(w, filter->b.regex, a);
    }
    const lt_json *b = operand_value(w, &filter->b, item);
    if (a == NULL || b == NULL) {
        return filter->op == LT_FILTER_NE || filter->op == LT_FILTER_NOT_SAME ||
               (filter->op == LT_FILTER_NIN && b != NULL);
    }
    return compare(filter->op, a, b);
}

/* ---- steps ---- */

static void take_keys(lt_json_walk *w, const lt_json_step *step, bool merge, lt_json *value,
                      found *out)
{
    if (!merge) {
        for (uint32_t i = 0; i < step->count; i++) {
            push(w, out, member_of(value, step->keys[i]));
        }
        return;
    }
    found members = {0};
    for (uint32_t i = 0; i < step->count; i++) {
        push(w, &members, member_of(value, step->keys[i]));
    }
    push(w, out, list_of(w, LT_JSON_OBJECT, &members));
}

static void take_slice(lt_json_walk *w, const lt_json_step *step, lt_json *value, found *out)
{
    int64_t index = 0, count = value->count, from = step->from, to = step->to;
    from = from == INT64_MIN ? 0 : from < 0 ? LT_MAX(from + count, (int64_t)0) : from;
    to = to < 0 ? to + count : to;
    for (lt_json *item = value->first; item != NULL; item = item->next, index++) {
        if (index >= from && index < to) {
            push(w, out, item);
        }
    }
}

static void take_step(lt_json_walk *w, const lt_json_step *step, bool merge, lt_json *value,
                      found *out)
{
    bool array = value->kind == LT_JSON_ARRAY;
    switch (step->kind) {
    case LT_STEP_KEYS:
        if (value->kind == LT_JSON_OBJECT) {
            take_keys(w, step, merge, value, out);
        }
        break;
    case LT_STEP_INDEXES:
        for (uint32_t i = 0; array && i < step->count; i++) {
            push(w, out, element_at(value, step->indexes[i]));
        }
        break;
    case LT_STEP_SLICE:
        if (array) {
            take_slice(w, step, value, out);
        }
        break;
    case LT_STEP_ALL:
        for (lt_json *item = value->first; item != NULL; item = item->next) {
            push(w, out, item);
        }
        break;
    case LT_STEP_FILTER:
        if (value->kind == LT_JSON_OBJECT && eval_filter(w, step->filter, value)) {
            push(w, out, value);
        }
        for (lt_json *item = array ? value->first : NULL; item != NULL; item = item->next) {
            if (eval_filter(w, step->filter, item)) {
                push(w, out, item);
            }
        }
        break;
    case LT_STEP_FUNCTION:
        push(w, out, call_function(w, step, value));
        break;
    }
}

/* A container before what it contains. Filters are asked of objects only, as Jayway does. */
static void take_deep(lt_json_walk *w, const lt_json_step *step, lt_json *value, found *out)
{
    if (value->kind != LT_JSON_ARRAY && value->kind != LT_JSON_OBJECT) {
        return;
    }
    if (step->kind != LT_STEP_FILTER || value->kind == LT_JSON_OBJECT) {
        take_step(w, step, false, value, out);
    }
    for (lt_json *item = value->first; item != NULL && !w->nomem; item = item->next) {
        take_deep(w, step, item, out);
    }
}

static bool can_take(const lt_json_step *step, const lt_json *value)
{
    if (step->kind == LT_STEP_KEYS) {
        return value->kind == LT_JSON_OBJECT;
    }
    if (step->kind == LT_STEP_INDEXES || step->kind == LT_STEP_SLICE) {
        return value->kind == LT_JSON_ARRAY;
    }
    return step->kind != LT_STEP_FILTER || value->kind == LT_JSON_ARRAY ||
           value->kind == LT_JSON_OBJECT;
}

static lt_json *walk_path(lt_json_walk *w, const lt_json_path *path, lt_json *from)
{
    found now = {0}, next = {0};
    bool definite = true;
    push(w, &now, from);
    for (uint32_t i = 0; i < path->count && !w->nomem; i++) {
        const lt_json_step *step = &path->steps[i];
        bool last = i + 1 == path->count;
        next.count = 0;
        if (last && step->kind == LT_STEP_FUNCTION && path->definite && path->steps[0].deep) {
            lt_json *all = list_of(w, LT_JSON_ARRAY, &now);
            now.count = 0;
            push(w, &now, all);
        }
        for (uint32_t v = 0; v < now.count; v++) {
            if (definite && !step->deep && !can_take(step, now.items[v])) {
                w->missing = true;
            }
            if (step->deep) {
                take_deep(w, step, now.items[v], &next);
            } else {
                take_step(w, step, last && step->count > 1, now.items[v], &next);
            }
        }
        bool one =
            step->kind == LT_STEP_FUNCTION ||
            ((step->kind == LT_STEP_KEYS || step->kind == LT_STEP_INDEXES) && step->count == 1);
        definite = definite && !step->deep && one;
        w->missing = w->missing || (definite && next.count == 0);
        found swap = now;
        now = next;
        next = swap;
    }
    if (w->nomem || (path->definite && now.count == 0)) {
        w->missing = true;
        return NULL;
    }
    return path->definite ? now.items[0] : list_of(w, LT_JSON_ARRAY, &now);
}

lt_json *lt_json_path_walk(lt_json_walk *w, const lt_json_path *path, lt_json *root)
{
    w->root = root;
    w->path = path;
    w->missing = false;
    return walk_path(w, path, root);
}

void lt_json_walk_deinit(lt_json_walk *w)
{
    for (uint32_t i = 0; i < LT_JSON_REGEX_MAX; i++) {
        lt_regex_free(w->regexes[i]);
        w->regexes[i] = NULL;
    }
}
