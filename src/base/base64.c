/* base64.c: see base64.h; by libsodium. */
#include "base/base64.h"

#include <sodium.h>

void sk_base64_encode(struct sk_str bytes, struct sk_buf *out)
{
    if (bytes.size == 0) return;
    size_t size = (bytes.size + 2) / 3 * 4;
    char *text = sk_buf_reserve(out, size + 1);
    if (text == NULL) return;
    (void)sodium_bin2base64(text, size + 1, (const unsigned char *)bytes.data, bytes.size,
                            sodium_base64_VARIANT_ORIGINAL);
    out->size += size;
}

bool sk_base64_decode(struct sk_str text, struct sk_buf *out)
{
    size_t size = 0;
    if (text.size == 0) return true;
    char *bytes = sk_buf_reserve(out, text.size / 4 * 3 + 3);
    if (bytes == NULL) return false;
    int code = sodium_base642bin((unsigned char *)bytes, text.size / 4 * 3 + 3, text.data,
                                 text.size, NULL, &size, NULL, sodium_base64_VARIANT_ORIGINAL);
    if (code == 0) out->size += size;
    return code == 0;
}
