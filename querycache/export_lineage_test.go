package querycache

// MaxAnswerForTests is the bound of an answer, in bytes of all columns.
const MaxAnswerForTests = maxAnswer
