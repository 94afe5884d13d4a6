/* Names of windows, for messages and plans. */
#include "expr/window.h"

const char *lt_window_kind_name(lt_window_kind kind)
{
    switch (kind) {
    case LT_WINDOW_TUMBLE:
        return "TUMBLE";
    case LT_WINDOW_HOP:
        return "HOP";
    case LT_WINDOW_CUMULATE:
        return "CUMULATE";
    case LT_WINDOW_SESSION:
        return "SESSION";
    }
    return "?";
}
