package sql

import "encoding/binary"

// A word of up to eight bytes is packed into a number, in lower case, first letter lowest: comparing it with a
// keyword is then one comparison. Setting bit 5 folds the case of letters and maps no other byte of a word to a
// letter; an underscore becomes 0x7f, which is no byte of a word.

const (
	kwSelect    = 's' | 'e'<<8 | 'l'<<16 | 'e'<<24 | 'c'<<32 | 't'<<40
	kwValues    = 'v' | 'a'<<8 | 'l'<<16 | 'u'<<24 | 'e'<<32 | 's'<<40
	kwTable     = 't' | 'a'<<8 | 'b'<<16 | 'l'<<24 | 'e'<<32
	kwWith      = 'w' | 'i'<<8 | 't'<<16 | 'h'<<24
	kwInsert    = 'i' | 'n'<<8 | 's'<<16 | 'e'<<24 | 'r'<<32 | 't'<<40
	kwUpdate    = 'u' | 'p'<<8 | 'd'<<16 | 'a'<<24 | 't'<<32 | 'e'<<40
	kwDelete    = 'd' | 'e'<<8 | 'l'<<16 | 'e'<<24 | 't'<<32 | 'e'<<40
	kwMerge     = 'm' | 'e'<<8 | 'r'<<16 | 'g'<<24 | 'e'<<32
	kwCopy      = 'c' | 'o'<<8 | 'p'<<16 | 'y'<<24
	kwExplain   = 'e' | 'x'<<8 | 'p'<<16 | 'l'<<24 | 'a'<<32 | 'i'<<40 | 'n'<<48
	kwAnalyze   = 'a' | 'n'<<8 | 'a'<<16 | 'l'<<24 | 'y'<<32 | 'z'<<40 | 'e'<<48
	kwAnalyse   = 'a' | 'n'<<8 | 'a'<<16 | 'l'<<24 | 'y'<<32 | 's'<<40 | 'e'<<48
	kwVerbose   = 'v' | 'e'<<8 | 'r'<<16 | 'b'<<24 | 'o'<<32 | 's'<<40 | 'e'<<48
	kwShow      = 's' | 'h'<<8 | 'o'<<16 | 'w'<<24
	kwBegin     = 'b' | 'e'<<8 | 'g'<<16 | 'i'<<24 | 'n'<<32
	kwStart     = 's' | 't'<<8 | 'a'<<16 | 'r'<<24 | 't'<<32
	kwCommit    = 'c' | 'o'<<8 | 'm'<<16 | 'm'<<24 | 'i'<<32 | 't'<<40
	kwEnd       = 'e' | 'n'<<8 | 'd'<<16
	kwRollback  = 'r' | 'o'<<8 | 'l'<<16 | 'l'<<24 | 'b'<<32 | 'a'<<40 | 'c'<<48 | 'k'<<56
	kwAbort     = 'a' | 'b'<<8 | 'o'<<16 | 'r'<<24 | 't'<<32
	kwRelease   = 'r' | 'e'<<8 | 'l'<<16 | 'e'<<24 | 'a'<<32 | 's'<<40 | 'e'<<48
	kwCreate    = 'c' | 'r'<<8 | 'e'<<16 | 'a'<<24 | 't'<<32 | 'e'<<40
	kwAlter     = 'a' | 'l'<<8 | 't'<<16 | 'e'<<24 | 'r'<<32
	kwDrop      = 'd' | 'r'<<8 | 'o'<<16 | 'p'<<24
	kwSet       = 's' | 'e'<<8 | 't'<<16
	kwReset     = 'r' | 'e'<<8 | 's'<<16 | 'e'<<24 | 't'<<32
	kwListen    = 'l' | 'i'<<8 | 's'<<16 | 't'<<24 | 'e'<<32 | 'n'<<40
	kwUnlisten  = 'u' | 'n'<<8 | 'l'<<16 | 'i'<<24 | 's'<<32 | 't'<<40 | 'e'<<48 | 'n'<<56
	kwLoad      = 'l' | 'o'<<8 | 'a'<<16 | 'd'<<24
	kwDo        = 'd' | 'o'<<8
	kwCall      = 'c' | 'a'<<8 | 'l'<<16 | 'l'<<24
	kwDeclare   = 'd' | 'e'<<8 | 'c'<<16 | 'l'<<24 | 'a'<<32 | 'r'<<40 | 'e'<<48
	kwPrepare   = 'p' | 'r'<<8 | 'e'<<16 | 'p'<<24 | 'a'<<32 | 'r'<<40 | 'e'<<48
	kwPrepared  = kwPrepare | 'd'<<56
	kwExecute   = 'e' | 'x'<<8 | 'e'<<16 | 'c'<<24 | 'u'<<32 | 't'<<40 | 'e'<<48
	kwDiscard   = 'd' | 'i'<<8 | 's'<<16 | 'c'<<24 | 'a'<<32 | 'r'<<40 | 'd'<<48
	kwAll       = 'a' | 'l'<<8 | 'l'<<16
	kwLock      = 'l' | 'o'<<8 | 'c'<<16 | 'k'<<24
	kwLocal     = 'l' | 'o'<<8 | 'c'<<16 | 'a'<<24 | 'l'<<32
	kwGlobal    = 'g' | 'l'<<8 | 'o'<<16 | 'b'<<24 | 'a'<<32 | 'l'<<40
	kwReplace   = 'r' | 'e'<<8 | 'p'<<16 | 'l'<<24 | 'a'<<32 | 'c'<<40 | 'e'<<48
	kwInto      = 'i' | 'n'<<8 | 't'<<16 | 'o'<<24
	kwAs        = 'a' | 's'<<8
	kwTo        = 't' | 'o'<<8
	kwWork      = 'w' | 'o'<<8 | 'r'<<16 | 'k'<<24
	kwTemp      = 't' | 'e'<<8 | 'm'<<16 | 'p'<<24
	kwHold      = 'h' | 'o'<<8 | 'l'<<16 | 'd'<<24
	kwStdin     = 's' | 't'<<8 | 'd'<<16 | 'i'<<24 | 'n'<<32
	kwStdout    = 's' | 't'<<8 | 'd'<<16 | 'o'<<24 | 'u'<<32 | 't'<<40
	kwCurrval   = 'c' | 'u'<<8 | 'r'<<16 | 'r'<<24 | 'v'<<32 | 'a'<<40 | 'l'<<48
	kwLastval   = 'l' | 'a'<<8 | 's'<<16 | 't'<<24 | 'v'<<32 | 'a'<<40 | 'l'<<48
	kwNextval   = 'n' | 'e'<<8 | 'x'<<16 | 't'<<24 | 'v'<<32 | 'a'<<40 | 'l'<<48
	kwSetval    = 's' | 'e'<<8 | 't'<<16 | 'v'<<24 | 'a'<<32 | 'l'<<40
	kwSetseed   = 's' | 'e'<<8 | 't'<<16 | 's'<<24 | 'e'<<32 | 'e'<<40 | 'd'<<48
	kwTrue      = 't' | 'r'<<8 | 'u'<<16 | 'e'<<24
	kwClose     = 'c' | 'l'<<8 | 'o'<<16 | 's'<<24 | 'e'<<32
	kwNotify    = 'n' | 'o'<<8 | 't'<<16 | 'i'<<24 | 'f'<<32 | 'y'<<40
	kwDefault   = 'd' | 'e'<<8 | 'f'<<16 | 'a'<<24 | 'u'<<32 | 'l'<<40 | 't'<<48
	kwFrom      = 'f' | 'r'<<8 | 'o'<<16 | 'm'<<24
	foldCase    = 0x2020202020202020
	longestPack = 8
)

// pack is the word text[i:j] as a number, 0 if it is longer than eight bytes.
func pack(text []byte, i, j int) uint64 {
	n := j - i
	if uint(n-1) >= longestPack {
		return 0
	}
	unused := uint(longestPack-n) * 8
	if i+longestPack <= len(text) {
		return (binary.LittleEndian.Uint64(text[i:]) | foldCase) << unused >> unused
	}
	var w uint64
	for k := j - 1; k >= i; k-- {
		w = w<<8 | uint64(text[k]|0x20)
	}
	return w
}

// is compares a word with one in lower case, whatever its length.
func is(word []byte, lower string) bool {
	if len(word) != len(lower) {
		return false
	}
	for i := range lower {
		if fold(word[i]) != lower[i] {
			return false
		}
	}
	return true
}

// fold is Postgres's downcase_identifier, for a byte of an encoding with multi-byte characters.
func fold(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b | 0x20
	}
	return b
}
