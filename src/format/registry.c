/* All formats. A new one is a line here and its files. */
#include "format/format.h"

#define LT_FORMATS(X) X(json) X(csv) X(raw)

#define X(id) extern const lt_format lt_format_##id;
LT_FORMATS(X)
#undef X

static const lt_format *const formats[] = {
#define X(id) &lt_format_##id,
    LT_FORMATS(X)
#undef X
};

const lt_format *lt_format_at(uint32_t index)
{
    return index < LT_COUNT_OF(formats) ? formats[index] : NULL;
}

const lt_format *lt_format_find(lt_str name)
{
    for (size_t i = 0; i < LT_COUNT_OF(formats); i++) {
        if (lt_str_eq(name, lt_str_of(formats[i]->name))) {
            return formats[i];
        }
    }
    return NULL;
}
