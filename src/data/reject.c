/* Names of the stages at which data can be refused; they are part of the reject row's schema. */
#include "data/reject.h"

#include "base/assert.h"

static const char *const stage_names[LT_STAGE_COUNT] = {
    [LT_STAGE_PARSE] = "parse",
    [LT_STAGE_ROWTIME] = "rowtime",
    [LT_STAGE_EXPRESSION] = "expression",
    [LT_STAGE_CONSTRAINT] = "constraint",
    [LT_STAGE_LATE] = "late",
    [LT_STAGE_SINK] = "sink",
};

const char *lt_stage_name(lt_stage stage)
{
    LT_ASSERT(stage < LT_STAGE_COUNT);
    return stage_names[stage];
}
