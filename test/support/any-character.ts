import fc from "fast-check";

const [firstSurrogate, surrogates, last] = [0xd800, 0x800, 0x10ffff];

/**
 * Any one character, as fast-check's unit "binary", which takes more than a second to set up: it looks a million of them
 * up to know which strings it could have made.
 */
export const anyCharacter: fc.Arbitrary<string> = fc.nat(last - surrogates).map(
  (index) => String.fromCodePoint(index < firstSurrogate ? index : index + surrogates),
  (value) => {
    const code = typeof value === "string" ? value.codePointAt(0) : undefined;
    if (code === undefined || value !== String.fromCodePoint(code)) throw new Error("not one character");
    if (code < firstSurrogate) return code;
    if (code < firstSurrogate + surrogates) throw new Error("half a character");
    return code - surrogates;
  },
);
