/* One value as JSON, as the json format encodes it. */
#pragma once

#include "data/batch.h"

/* Appends the value (`null` for NULL). SQL timestamps, base64 bytes, DECIMAL as a plain number. */
void lt_json_value_text(lt_text *to, const lt_col *col, uint32_t row);
