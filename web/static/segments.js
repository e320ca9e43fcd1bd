/* What a text costs as an SMS; the same count as hub/segments.py. 3GPP TS 23.038, section 6.2.1. */
(() => {
  "use strict";

  function measure(text, gsm) {
    const basic = new Set(gsm.basic);
    const extension = new Set(gsm.extension);
    const characters = [...text];
    const plain = characters.every((c) => basic.has(c) || extension.has(c));
    const sizes = characters.map((c) => (plain ? (extension.has(c) ? 2 : 1) : c.codePointAt(0) > 0xffff ? 2 : 1));
    const [single, multi] = plain ? [160, 153] : [70, 67];
    const encoding = plain ? "GSM-7" : "UCS-2";
    const units = sizes.reduce((sum, size) => sum + size, 0);
    if (units <= single) return { encoding, units, segments: units ? 1 : 0, left: single - units };
    let segments = 1;
    let used = 0;
    for (const size of sizes) {
      if (used + size > multi) {
        segments += 1;
        used = 0;
      }
      used += size;
    }
    return { encoding, units, segments, left: multi - used };
  }

  window.hubMeasure = measure;
})();
