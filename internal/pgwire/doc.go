// Package pgwire is the frames of the Postgres protocol 3: finding their ends, looking at the few fields a
// multiplexer must see, and building the few messages it says itself. Nothing is copied: views returned are parts of
// the slices given, and live as long. Builders append.
//
// The format is that of the Postgres documentation, "Message Formats": one byte of type, four of length (which
// counts itself but not the type), and the body.
package pgwire

// HeaderLen is the type and the length.
const HeaderLen = 5

// MaxFrame is the longest message there is, header included: Postgres refuses what does not fit its memory
// allocator (PQ_LARGE_MESSAGE_LIMIT, 1 GiB less one).
const MaxFrame = 1<<30 - 1 + 1

// MaxSmallFrame is the longest message of the kinds that carry no query text or data (PQ_SMALL_MESSAGE_LIMIT).
const MaxSmallFrame = 10000 + 1

// Messages a client sends.
const (
	Bind          = 'B'
	Close         = 'C'
	CopyData      = 'd' // servers too
	CopyDone      = 'c' // servers too
	CopyFail      = 'f'
	Describe      = 'D'
	Execute       = 'E'
	Flush         = 'H'
	FunctionCall  = 'F'
	Parse         = 'P'
	Query         = 'Q'
	Sync          = 'S'
	Terminate     = 'X'
	PasswordReply = 'p'
)

// Messages a server sends.
const (
	BackendKeyData       = 'K'
	BindComplete         = '2'
	CloseComplete        = '3'
	CommandComplete      = 'C'
	CopyBothResponse     = 'W'
	CopyInResponse       = 'G'
	CopyOutResponse      = 'H'
	DataRow              = 'D'
	EmptyQueryResponse   = 'I'
	ErrorResponse        = 'E'
	FunctionCallResponse = 'V'
	NoData               = 'n'
	NoticeResponse       = 'N'
	NotificationResponse = 'A'
	ParameterDescription = 't'
	ParameterStatus      = 'S'
	ParseComplete        = '1'
	PortalSuspended      = 's'
	ReadyForQuery        = 'Z'
	RowDescription       = 'T'
)

// Transaction status, as ReadyForQuery tells it.
const (
	StatusIdle   = 'I'
	StatusActive = 'T'
	StatusFailed = 'E'
)
