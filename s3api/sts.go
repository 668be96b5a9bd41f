package s3api

import "time"

// STSVersion is the version of the Security Token Service's protocol.
const STSVersion = "2011-06-15"

// SessionCredentials are what a session is used with.
type SessionCredentials struct {
	AccessKey string
	Secret    string
	Token     string
	Expires   time.Time
}

// String returns the access key; the rest is not for printing.
func (c SessionCredentials) String() string { return c.AccessKey }

// GoString is String.
func (c SessionCredentials) GoString() string { return c.AccessKey }

// SessionAnswer is what AssumeRole and GetSessionToken answer (AWS STS API
// reference).
type SessionAnswer struct {
	Action      string // "AssumeRole" or "GetSessionToken"
	Credentials SessionCredentials
	UserARN     string // of AssumeRole: the role's ARN and session name as one
	UserID      string // of AssumeRole: "id:session"
	RequestID   string
}

const stsNamespace = ` xmlns="https://sts.amazonaws.com/doc/2011-06-15/"`

// AppendSession appends the answer's document.
func AppendSession(b []byte, a *SessionAnswer) []byte {
	b = append(b, xmlHeader+"<"+a.Action+"Response"+stsNamespace+"><"+a.Action+"Result><Credentials>"...)
	b = appendElement(b, "AccessKeyId", a.Credentials.AccessKey)
	b = appendElement(b, "SecretAccessKey", a.Credentials.Secret)
	b = appendElement(b, "SessionToken", a.Credentials.Token)
	b = appendElement(b, "Expiration", a.Credentials.Expires.UTC().Format(time.RFC3339))
	b = append(b, "</Credentials>"...)
	if a.Action == "AssumeRole" {
		b = append(b, "<AssumedRoleUser>"...)
		b = appendElement(b, "Arn", a.UserARN)
		b = appendElement(b, "AssumedRoleId", a.UserID)
		b = append(b, "</AssumedRoleUser>"...)
	}
	b = append(b, "</"+a.Action+"Result><ResponseMetadata>"...)
	b = appendElement(b, "RequestId", a.RequestID)
	return append(b, "</ResponseMetadata></"+a.Action+"Response>"...)
}

// AppendSTSError appends the document of a failure.
func AppendSTSError(b []byte, e *Error, requestID string) []byte {
	kind := "Sender"
	if e.Status >= 500 {
		kind = "Receiver"
	}
	b = append(b, xmlHeader+"<ErrorResponse"+stsNamespace+"><Error>"...)
	b = appendElement(b, "Type", kind)
	b = appendElement(b, "Code", e.Code)
	b = appendElement(b, "Message", e.Message)
	b = append(b, "</Error>"...)
	b = appendElement(b, "RequestId", requestID)
	return append(b, "</ErrorResponse>"...)
}
