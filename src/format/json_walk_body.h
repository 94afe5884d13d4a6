/* The body of json_walk.c, once per processor level. WALK(name) names a function of the level,
 * WALK_TARGET is its attribute. Expects differs and string_event. No #pragma once: it is included
 * several times. */

/* One record from `at`: behind its newline, or NULL when it does not follow the layout. */
WALK_TARGET LT_INLINE const char *WALK(record)(json_decoder *dec, json_reader *r,
                                               const json_layout *layout, const json_walk *walk)
{
    const char *at = walk->at;
    const char *next;
    const uint32_t row = walk->row;
    int64_t value;
    for (const json_step *step = layout->steps;; step++) {
        if (LT_UNLIKELY(WALK(differs)(step, at))) {
            return NULL;
        }
        at += step->lit_len;
        switch (step->op) {
        case STEP_SKIP_STRING:
            at = WALK(string_event)(at, step->wide && at <= walk->wide_limit);
            if (LT_UNLIKELY(*at != '"')) {
                at = walk_escaped(r, at);
                if (at == NULL) {
                    return NULL;
                }
            }
            at++;
            break;
        case STEP_SKIP_NUMBER:
            next = walk_skip_integer(at);
            if (LT_UNLIKELY(next == NULL || (*next != ',' && *next != '}'))) {
                next = json_skip_value(r, at);
                if (next == NULL) {
                    return NULL;
                }
            }
            at = next;
            break;
        case STEP_SKIP_ANY:
            at = json_skip_value(r, at);
            if (at == NULL) {
                return NULL;
            }
            break;
        case STEP_INT64:
            next = walk_integer(at, &value);
            if (LT_UNLIKELY(next == NULL || (*next != ',' && *next != '}'))) {
                goto any;
            }
            ((int64_t *)step->data)[row] = value;
            at = next;
            break;
        case STEP_INT32:
            next = walk_integer(at, &value);
            if (LT_UNLIKELY(next == NULL || (*next != ',' && *next != '}') ||
                            value != (int32_t)value)) {
                goto any;
            }
            ((int32_t *)step->data)[row] = (int32_t)value;
            at = next;
            break;
        case STEP_STRING:
            next = WALK(string_event)(at, step->wide && at <= walk->wide_limit);
            if (LT_UNLIKELY(*next != '"')) {
                at--;
                goto any;
            }
            walk_put_string((lt_strv *)step->data + row, at, (size_t)(next - at));
            at = next + 1;
            break;
        case STEP_TIME:
            if (LT_UNLIKELY(!walk_time(dec, step, at, &value))) {
                at--;
                goto any;
            }
            ((int64_t *)step->data)[row] = value;
            at += step->time_len;
            break;
        case STEP_END:
            return at;
        case STEP_ANY:
        any:
            at = walk_any(dec, r, walk, step, at);
            if (at == NULL) {
                return NULL;
            }
            break;
        }
    }
}

/* When the record does not follow the last layout: by all of them in turn. */
WALK_TARGET LT_NOINLINE static const char *WALK(any_layout)(json_decoder *dec, json_reader *r,
                                                            const json_walk *walk)
{
    for (uint32_t i = 0; i < JSON_LAYOUTS; i++) {
        uint32_t index = (dec->layout_now + i) % JSON_LAYOUTS;
        const json_layout *layout = &dec->layouts[index];
        if (layout->step_count == 0) {
            continue;
        }
        /* The attempt before may have left a NULL. */
        lt_cols_restore(walk->cols, dec->root->count, walk->row);
        const char *next = WALK(record)(dec, r, layout, walk);
        if (next != NULL) {
            dec->layout_now = index;
            return next;
        }
    }
    return NULL;
}

/* The next record's start comes from the newlines found beforehand, not from the record's end,
 * though both are the same: so the processor can begin with it before it is through with this one.
 */
WALK_TARGET static void WALK(walk)(json_decoder *dec, json_reader *r, json_walk *walk)
{
    const uint16_t *newline = walk->newlines;
    for (; newline < walk->newlines_end && walk->row < walk->row_cap; newline++) {
        json_layout *layout = &dec->layouts[dec->layout_now];
        const char *next = layout->step_count > 0 ? WALK(record)(dec, r, layout, walk) : NULL;
        if (LT_UNLIKELY(next == NULL)) {
            next = WALK(any_layout)(dec, r, walk);
            if (next == NULL) {
                break;
            }
            layout = &dec->layouts[dec->layout_now];
        }
        LT_DCHECK(next == walk->base + *newline + 1);
        walk_next(layout, walk, *newline);
    }
    walk->newlines = newline;
}
