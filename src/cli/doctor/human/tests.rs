use super::*;
use crate::operate::doctor::impact::{OfCode, OfPolicy, Refused};

fn remark(standing: Standing, what: &str) -> Remark {
    Remark { standing, what: what.to_owned(), place: String::new(), why: String::new(), repair: None }
}

#[test]
fn problems_come_with_where_why_and_what_to_type() {
    let problem = Remark {
        place: "Lease portcullis-system/portcullis".to_owned(),
        why: "no grant is removed".to_owned(),
        repair: Some("kubectl logs deployment/portcullis".to_owned()),
        ..remark(Standing::Problem, "nobody leads")
    };
    let well = Remark { place: "somewhere".to_owned(), ..remark(Standing::Ok, "2 of 2 replicas are ready\u{1b}[31m") };
    let unknown = Remark { why: "pods is forbidden".to_owned(), ..remark(Standing::Unknown, "it is not known") };
    let checks = vec![
        Check { check: "lease", remarks: vec![problem] },
        Check { check: "installation", remarks: vec![unknown, well] },
    ];
    let expected = "\
lease
  problem  nobody leads
           where   Lease portcullis-system/portcullis
           why     no grant is removed
           repair  kubectl logs deployment/portcullis

installation
  unknown  it is not known
           why     pods is forbidden
  ok       2 of 2 replicas are ready";
    let said = diagnosis(&Diagnosis { checks });
    assert!(said.starts_with(expected), "{said}");
    assert!(said.ends_with("\n1 problem, 1 unknown\n") && !said.contains('\u{1b}'), "{said:?}");
    let well = Check { check: "lease", remarks: vec![remark(Standing::Ok, "`a` leads")] };
    assert_eq!(diagnosis(&Diagnosis { checks: vec![well] }), "lease\n  ok       `a` leads\n\nall is well\n");
}

#[test]
fn an_impact_names_a_few_and_counts_the_rest() {
    let refused = |name: usize| Refused { object: format!("ListenerPolicy gw/{name}"), message: "no".to_owned() };
    let code = OfCode { code: "a/b".to_owned(), count: 7, objects: (0..7).map(refused).collect() };
    let impact = Impact {
        by: "the given files",
        judged: 9,
        partial: vec!["pods cannot be looked up: forbidden".to_owned()],
        policies: vec![OfPolicy {
            policy: "mine".to_owned(),
            action: Action::Warn,
            namespaces: Some(vec!["gw".to_owned()]),
            refused: 7,
            mended: 1,
            codes: vec![code],
        }],
    };
    let expected = "\
mine (now it warns)
  its namespaces: gw
  would refuse 7 objects, would mend 1
  a/b 7
    ListenerPolicy gw/0: no
    ListenerPolicy gw/1: no
    ListenerPolicy gw/2: no
    ListenerPolicy gw/3: no
    ListenerPolicy gw/4: no
    and 2 more

not all of it: pods cannot be looked up: forbidden
9 stored objects judged by the given files: 1 policy would refuse something
";
    assert_eq!(super::impact(&impact), expected);
}
