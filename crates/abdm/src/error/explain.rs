//! What happened and what to do, in plain sentences, for every code that an HIP can meet.

use std::borrow::Cow;

use crate::path::Operation;

/// A plain sentence for a refusal: what happened and what to do.
#[must_use]
pub fn explain(
    operation: Operation,
    status: Option<u16>,
    code: Option<&str>,
    message: Option<&str>,
) -> Cow<'static, str> {
    let number = code.map_or("", |code| code.strip_prefix("ABDM-").unwrap_or(code));
    let words = message.unwrap_or_default().to_ascii_lowercase();
    let said = by_operation(operation, number, &words)
        .or_else(|| by_words(number, &words))
        .or_else(|| by_code(number));
    if let Some(text) = said {
        return Cow::Borrowed(text);
    }
    match (code, status) {
        (Some(code), None) => Cow::Owned(format!(
            "ABDM refused the request and does not explain it beyond its code {code}. Look the code up with ABDM's \
             support, naming the request id."
        )),
        _ => by_status(operation, status, code),
    }
}

const LINK_TOKEN_WRONG: &str = "The link token is not, or no longer, good for this patient at this facility. A new \
     one has to be asked for.";
const ALREADY_LINKED: &str = "The care context is already linked at ABDM. Nothing is to be done.";
const ALREADY_ANSWERED: &str = "ABDM already has this answer. Nothing is to be done.";
const TOO_LATE: &str = "ABDM does not know, or no longer knows, the request that this answers: the answer came too \
     late. The patient has to begin anew.";
const DEMOGRAPHICS: &str = "Name, gender or year of birth differ from the patient's ABHA profile. Correct them to \
     what the ABHA card says, then link again.";
const NOT_REPORTED_YET: &str = "ABDM does not know the link of this care context yet, which is usual for some \
     minutes after linking. It has to be told again shortly.";

/// What a code means for one operation only.
fn by_operation(operation: Operation, code: &str, words: &str) -> Option<&'static str> {
    use Operation as Op;
    Some(match (operation, code) {
        (Op::LinkCareContexts, "1056") if !words.contains("reference") => ALREADY_LINKED,
        (Op::LinkCareContexts, "1026" | "1038" | "1063" | "1065" | "2401") => LINK_TOKEN_WRONG,
        (Op::LinkCareContexts, "1062") => {
            "The ABHA number is not the one that the link token was made for. Compare ABHA number and ABHA address \
             with the patient's card."
        }
        (Op::ContextNotify, "1006") if words.contains("no care context") || words.contains("no links") => {
            NOT_REPORTED_YET
        }
        (Op::OnRequest | Op::TransferNotify, "1101" | "1113") => ALREADY_ANSWERED,
        (Op::Session, "1921") => "ABDM does not know this client id. Correct it in the configuration.",
        (Op::Session, "1922") => {
            "The client secret is wrong. Correct it in the configuration; several wrong attempts lock the client \
             for some minutes."
        }
        (Op::Session, "9999") if words.contains("credentials") => {
            "ABDM refused the client id and secret. After about eight wrong attempts it refuses right ones too, for \
             about eight minutes: check both, then wait."
        }
        (Op::LinkFacility, _) => {
            "The facility registry refused to link the facility to the bridge. Check that the facility id begins \
             with IN, that the name is exactly the registered one, and that the service name is unique and has at \
             most 15 plain characters."
        }
        _ => return None,
    })
}

/// What only ABDM's words tell.
fn by_words(code: &str, words: &str) -> Option<&'static str> {
    Some(match code {
        _ if words.contains("duplicate hip link request") => ALREADY_LINKED,
        "9999" if words.contains("user not found") => {
            "ABDM knows nobody under this ABHA address. Check it against the patient's card, or verify the ABHA with \
             the patient."
        }
        "9999" if words.contains("x auth token") => LINK_TOKEN_WRONG,
        "9999" if words.contains("transaction") => TOO_LATE,
        "9999" if words.contains("dependent service") => {
            "A service behind ABDM did not take the request. If it happens again, check the ids in it, the HIP id \
             first."
        }
        "9999" if words.contains("hitype") => {
            "ABDM refused an HI type. They are spelled exactly as listed, one to an entry."
        }
        "1006" if words.contains("count") => {
            "ABDM takes 1 to 20 care contexts in one entry. Link them in smaller groups."
        }
        "1056" if words.contains("reference") => TOO_LATE,
        "1061" if words.contains("display") => {
            "ABDM refused a display name. Use letters, digits and plain signs."
        }
        "1108" | "1109" if words.contains("unavailable") => UNAVAILABLE,
        "2406" if words.contains("status") => {
            "The consent or transfer cannot go into this state from the one it is in. Compare with what ABDM last \
             notified."
        }
        "2500" if words.contains("authorization") => {
            "The call carried no authorisation. This is a fault of the program: report it."
        }
        _ => return None,
    })
}

const UNAVAILABLE: &str = "A service inside ABDM is unavailable. Wait: trying again later is all that helps.";
const WRONG_ABHA: &str =
    "ABDM does not take this ABHA number or ABHA address. Check both against the patient's card.";
const WRONG_HIP_ID: &str = "ABDM does not take the HIP id. Compare it with the service ids that ABDM lists for this \
     bridge.";
const PROGRAM_FAULT: &str = "ABDM did not take the form of the message. This is a fault of the program or of the \
     data in it: compare the stored exchange with ABDM's documentation and report it.";
const CLOCK_WRONG: &str = "ABDM found the time of the call wrong. Check that this machine's clock is set by a time \
     server.";

/// What a code means wherever it comes.
fn by_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "1000" | "1011" | "1018" | "1019" | "1020" | "1024" | "1029" | "1034" | "1045" | "1201" => {
            UNAVAILABLE
        }
        "1001" | "1012" => "ABDM has nothing under the ids given. Check them.",
        "1004" | "1008" => "ABDM cannot send an SMS at present. Wait and try again later.",
        "1007" | "1048" => "ABDM took too long inside. Wait: it has to be tried again.",
        "1006" | "1010" | "1015" | "1031" | "1037" | "1041" | "1042" | "1049" | "1050" | "1057" | "1059"
        | "1060" | "1061" | "1067" | "1102" | "1109" | "1110" | "1111" | "1032" | "1064" | "1150"
        | "2404" => PROGRAM_FAULT,
        "1013" | "1051" | "1084" | "1085" | "1170" => WRONG_ABHA,
        "1016" | "2402" => CLOCK_WRONG,
        "1017" | "1030" | "1052" | "1112" | "2500" => TOO_LATE,
        "1022" | "2429" => "ABDM finds the calls too many. Wait: it has to be tried again more slowly.",
        "1023" => "ABDM knows no such user. Check the ABHA address.",
        "1025" | "1035" | "1055" => WRONG_HIP_ID,
        "1026" | "1038" => LINK_TOKEN_WRONG,
        "1027" => {
            "ABDM has blocked requests for this ABHA address at this facility for 24 hours, usually after more than \
             three link tokens in a day. Wait; other patients are not affected."
        }
        "1028" | "1401" => {
            "ABDM holds this HIP for unavailable. Check that the bridge address can be reached."
        }
        "1033" | "1040" => "ABDM holds the HIU for unavailable or unknown. Only the HIU can mend that.",
        "1036" | "1043" | "1086" => DEMOGRAPHICS,
        "1044" => "ABDM could not pass the message on. Try again later.",
        "1046" | "1047" => "ABDM does not know the purpose of the consent.",
        "1062" => "The consent is not granted, or no longer.",
        "1063" => "The range of time asked for is not inside the consent.",
        "1065" | "1066" | "2401" => "ABDM does not take the token sent with the call.",
        "1087" => "ABDM already has a share under this id.",
        "1056" | "1090" => ALREADY_LINKED,
        "1091" | "1093" | "1094" | "1095" => "ABDM already has this request. Read back what is registered.",
        "1092" => {
            "A link token for this ABHA address was asked for a short while ago. ABDM gives the next one seven \
             minutes later at the earliest."
        }
        "1101" | "1106" | "1107" | "1108" | "1113" => ALREADY_ANSWERED,
        "1103" | "1104" | "1105" => "ABDM already has another message under this transaction.",
        "1149" => "The kind of share is not supported.",
        "1402" => {
            "ABDM had no acknowledgement of its callback in time. Check that the bridge address answers fast."
        }
        "1407" => "The ABHA is deactivated. Only the patient can reactivate it, in an ABHA app.",
        "2403" => {
            "The consent manager id (X-CM-ID) is not the one of this gateway. Both come from the environment \
             setting: check it."
        }
        "2406" => "ABDM expected another call before this one. Compare the exchange with its earlier steps.",
        "303001" => {
            "ABDM's gateway has shut off a failing service behind it. It passes within minutes: wait."
        }
        "900900" => "ABDM's gateway failed to check the session. It has to be tried again.",
        "900901" | "900902" => "ABDM no longer takes the session. A new one has to be asked for.",
        _ => return None,
    })
}

fn by_status(operation: Operation, status: Option<u16>, code: Option<&str>) -> Cow<'static, str> {
    let text = match status {
        Some(400) if code.is_none() => match operation {
            Operation::LinkCareContexts | Operation::OnDiscover => {
                "ABDM refused the form of a field without saying which: usually an ABHA number with dashes, or an HI \
                 type that is a list. This is a fault of the program: report it."
            }
            _ => PROGRAM_FAULT,
        },
        Some(401) => "ABDM found a header missing. This is a fault of the program: report it.",
        Some(403) => {
            "ABDM denied access. Check that the client id is active, approved for this call, and meant for this \
             environment."
        }
        Some(404) => "ABDM has no such address. Check the gateway's base URL.",
        Some(408 | 504) => "ABDM took too long. It has to be tried again.",
        Some(429) => "ABDM finds the calls too many. Wait: it has to be tried again more slowly.",
        Some(200..=299) => "ABDM answered with something that cannot be read.",
        Some(300..=399) => {
            "The address answers with a redirect, which is not followed. Check the gateway's base URL, and whether a \
             proxy stands in between."
        }
        Some(500..=599) => UNAVAILABLE,
        _ => {
            "ABDM refused the request without a reason. Ask its support, naming the correlation id of the exchange."
        }
    };
    Cow::Borrowed(text)
}
