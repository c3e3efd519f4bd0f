/*
 * cron.h: cron expressions of five fields, in UTC: minute, hour, day of month, month, day of week.
 *
 *   field   one of: any (a star), 5, 1-5, 10-40/10, a star with a step, a list of these with
 *           commas; names jan…dec, sun…sat
 *   day of week 0 and 7 are Sunday; ? is the same as *
 *   if both day fields are narrowed, a day that fits either counts (as in every cron)
 *   @yearly @annually @monthly @weekly @daily @midnight @hourly
 *
 * Pure; no allocation.
 */
#ifndef SK_BASE_CRON_H
#define SK_BASE_CRON_H

#include "base/error.h"
#include "base/str.h"

struct sk_cron {
    uint64_t minutes;          /* bits 0–59 */
    uint32_t hours;            /* 0–23 */
    uint32_t days;             /* 1–31 */
    uint16_t months;           /* 1–12 */
    uint8_t weekdays;          /* 0–6, Sunday first */
    bool any_day, any_weekday; /* the field says * */
};

/* SKALD_E_SYNTAX names the field and what is wrong; also for what can never come (30 February). */
enum skald_status sk_cron_parse(struct sk_str text, struct sk_cron *out_cron,
                                skald_error *error) SK_MUST_CHECK;
/* The first instant after `after_ms` (whole minutes); -1: none within eight years. */
int64_t sk_cron_next(const struct sk_cron *cron, int64_t after_ms);

#endif
