/* Window joins: both sides' rows have windows, and the bounds of these are equal. They are
 * recognised and refused. */
#include "plan/join_parts.h"

static bool is_column(const lt_expr *expr, int column)
{
    return expr->kind == LT_NODE_COLUMN && (int)expr->u.column == column;
}

lt_status lt_rule_window_join(lt_join_parts *j, lt_log **out, lt_error *err)
{
    const lt_window_props *a = &j->join->inputs[0]->window;
    const lt_window_props *b = &j->join->inputs[1]->window;
    bool starts = false, ends = false;
    (void)out;
    for (uint32_t k = 0; a->present && b->present && k < j->key_count; k++) {
        const lt_join_key *key = &j->keys[k];
        starts =
            starts || (is_column(key->left, a->start_col) && is_column(key->right, b->start_col));
        ends = ends || (is_column(key->left, a->end_col) && is_column(key->right, b->end_col));
    }
    if (!starts || !ends) {
        return LT_OK;
    }
    return lt_error_set_at(err, LT_ERR_UNSUPPORTED, j->join->pos,
                           "window joins (window_start and window_end of both sides equal) "
                           "are not supported yet");
}
