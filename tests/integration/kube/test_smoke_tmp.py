def test_x(run_module, kubeconfig):
    import json
    r = run_module("k8s_info", {"kind": "Namespace", "kubeconfig": str(kubeconfig)})
    print(json.dumps(r, indent=1)[:1500])
    r = run_module("k8s_info", {"kind": "Namespace", "kubeconfig": str(kubeconfig), "bogus": 1})
    print(json.dumps(r, indent=1)[:600])
    r = run_module("k8s_apply", {"definition": "a: [", "kubeconfig": str(kubeconfig)})
    print(json.dumps(r, indent=1)[:1600])
    r = run_module("k8s_wait", {"kind": "Namespace", "kubeconfig": str(kubeconfig)})
    print(json.dumps(r, indent=1)[-1600:])
