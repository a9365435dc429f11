// Package sql reads SQL text just closely enough for a pooler: what may a text leave behind in the session, which
// settings may it change, and what does it need from the pooler. It is a lexer, not a parser: one pass, no allocation,
// about a nanosecond a byte.
//
// # Rules
//
//  1. Tokens are cut exactly where Postgres's scan.l cuts them (versions 12 to 18; where these differ, [Unknown] is
//     set): nested comments, strings with and without escapes and their continuation on the next line, dollar
//     quotes, quoted identifiers, parameters, numbers, operators that end where a comment begins.
//  2. An effect that is visible in the text is never missed. One too many is acceptable: a column named lastval that
//     is called like a function counts as a call.
//  3. What cannot be read for certain (an unterminated string or comment, a truncated text, an identifier
//     with Unicode escapes) sets [Unknown]; the other bits are then a lower bound.
//  4. Effects hidden behind a function, a view, a trigger or a DO block are not visible. [DoBlock] says
//     that there is such a block.
//
// The text must be in an encoding whose multi-byte characters have no byte below 0x80 (UTF-8, every ISO 8859, EUC:
// all that Postgres accepts as a server encoding). For SJIS, BIG5, GBK, GB18030, UHC and JOHAB clients, set
// [Statement].Truncated: nothing is then known for certain.
package sql
