/* The names of the built-in functions, for SHOW FUNCTIONS. Apart from the binder's own header,
 * which has another lt_bound than the registry. */
#include "bind/functions.h"

#include "expr/registry.h"

/* Operators and special forms have no name that could be called. */
static bool is_name(const char *name)
{
    for (const char *at = name; *at; at++) {
        if (!((*at >= 'A' && *at <= 'Z') || *at == '_' || (*at >= '0' && *at <= '9'))) {
            return false;
        }
    }
    return *name != 0;
}

const char *lt_function_name(uint32_t *cursor)
{
    while (*cursor < lt_func_count()) {
        const lt_func *func = lt_func_at((*cursor)++);
        if (func && (func->infer || *func->signature) && is_name(func->name)) {
            return func->name;
        }
    }
    const char *name;
    while ((name = lt_func_aggregate_at(*cursor - lt_func_count())) != NULL) {
        (*cursor)++;
        if (is_name(name)) {
            return name;
        }
    }
    return NULL;
}

bool lt_function_builtin(lt_str name, lt_function_info *out)
{
    const lt_func *func = lt_func_find(name);
    if (func && (func->infer || *func->signature) && is_name(func->name)) {
        const bool fixed = (func->flags & LT_FUNC_NONDET) == 0;
        *out = (lt_function_info){.deterministic = fixed,
                                  .folds = fixed && (func->flags & LT_FUNC_KEEP) == 0,
                                  .signature = func->signature,
                                  .doc = func->doc};
        return true;
    }
    *out = (lt_function_info){.aggregate = true, .deterministic = true, .folds = true};
    out->signature = lt_func_aggregate_signature(name, &out->doc);
    return out->signature != NULL;
}
