/* From engine errors to the public status and one text for people. */
#include "api/api_int.h"
#include "sql/parse.h"

leat_status lt_api_status(lt_status st)
{
    switch (st) {
    case LT_OK:
        return LEAT_OK;
    case LT_FULL:
    case LT_AGAIN:
        return LEAT_FULL;
    case LT_END:
        return LEAT_END;
    case LT_ERR_NOMEM:
        return LEAT_NOMEM;
    case LT_ERR_USAGE:
        return LEAT_USAGE;
    case LT_ERR_SQL:
    case LT_ERR_UNSUPPORTED:
    case LT_ERR_LIMIT:
        return LEAT_SQL;
    case LT_ERR_IO:
    case LT_ERR_CONNECT:
        return LEAT_CONNECT;
    case LT_ERR_DATA:
        return LEAT_DATA;
    case LT_ERR_STATE:
        return LEAT_STATE;
    case LT_ERR_PERMISSION:
        return LEAT_PERMISSION;
    case LT_ERR_INTERRUPTED:
        return LEAT_INTERRUPTED;
    case LT_ERR_INTERNAL:
        break;
    }
    return LEAT_INTERNAL;
}

leat_status lt_api_fail(leat *db, const lt_error *err, lt_str script, uint32_t offset)
{
    lt_error shown = *err;
    lt_text_clear(&db->error_text);
    if (shown.has_sql_pos && script.ptr != NULL) {
        shown.sql_pos += offset;
        lt_sql_error_render(&shown, script, &db->error_text);
    } else {
        lt_text_puts(&db->error_text, shown.text);
        if (shown.hint[0] != '\0') {
            lt_text_printf(&db->error_text, "\nhint: %s", shown.hint);
        }
    }
    while (db->error_text.len > 0 && db->error_text.ptr[db->error_text.len - 1] == '\n') {
        db->error_text.ptr[--db->error_text.len] = '\0';
    }
    db->error = *err;
    return lt_api_status(err->code);
}
